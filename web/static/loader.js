/* Nightdesk's loader: one <script> tag puts a launcher on the page and, on first use, the chat in an iframe.

   <script async src="https://desk.example/widget.js" data-identity="…" data-locale="en" data-theme="auto"></script>

   Nightdesk("boot", {identity, locale, theme, accent}), "show", "hide", "toggle", "shutdown" (forgets the visitor; call it
   at logout), and on("ready" | "unread", fn). Calls made before this file arrives wait in Nightdesk.q. data-boot="manual"
   waits for an explicit boot. The chat itself lives in an iframe of Nightdesk's own origin; this page keeps only two
   marks: that there is a chat to reconnect to, and whether the panel was open. */
(() => {
  "use strict";
  const script = document.currentScript || document.querySelector('script[src*="/widget.js"]');
  if (!script || (window.Nightdesk && window.Nightdesk.loaded)) return;
  const home = new URL(script.src, location.href).origin;
  const early = (window.Nightdesk && window.Nightdesk.q) || [];
  const { identity, locale, theme, accent } = script.dataset;
  const options = { identity, locale, theme, accent };
  const listeners = { ready: [], unread: [] };
  const WORDS = {
    en: { open: "Open chat", close: "Close chat", title: "Chat with us", unread: (n) => `Open chat, ${n} unread` },
  };

  let launcher, badge, panel, frame;
  let greeted = false; // the frame has said hello and may be spoken to
  let ready = false;
  let open = false;
  let unread = 0;
  let clearing = false;
  let keen = false; // the customer opened the panel just now and wants to write

  // A page may forbid storage; the chat then still works, it only forgets that it was open.
  const store = (area) => ({
    get() { try { return window[area].getItem("nightdesk"); } catch { return null; } },
    set(value) { try { value ? window[area].setItem("nightdesk", value) : window[area].removeItem("nightdesk"); } catch { /* as above */ } },
  });
  const known = store("localStorage"); // "known": a conversation exists; "reset": forget it on the next chance
  const shown = store("sessionStorage"); // "open": the panel was open on the last page

  const words = () => WORDS[(options.locale || "en").split("-")[0]] || WORDS.en;

  const STYLE = `
:host{all:initial;--a:#1d2440;--on:#fff}
*{box-sizing:border-box}
button{position:fixed;inset-block-end:20px;inset-inline-end:20px;z-index:2147483000;inline-size:60px;block-size:60px;
padding:0;border:0;border-radius:50%;background:var(--a);color:var(--on);cursor:pointer;
box-shadow:0 1px 2px #0003,0 8px 24px #0003;transition:transform .18s}
button:hover{transform:translateY(-2px)}
button:focus-visible{outline:3px solid var(--a);outline-offset:3px;box-shadow:0 0 0 3px #fff}
svg{display:block;margin:auto;inline-size:28px;block-size:28px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.down{display:none}.open .down{display:block}.open .up{display:none}
b{position:absolute;inset-block-start:-3px;inset-inline-end:-3px;min-inline-size:22px;padding:0 6px;border-radius:11px;
background:#b3261e;color:#fff;font:700 12px/22px system-ui,sans-serif;text-align:center;box-shadow:0 0 0 2px #fff}
b[hidden]{display:none}
.panel{position:fixed;inset-block-end:92px;inset-inline-end:20px;z-index:2147483000;inline-size:min(400px,calc(100vw - 40px));
block-size:min(680px,calc(100vh - 112px));border-radius:18px;overflow:hidden;background:#fff;
box-shadow:0 0 0 1px #0000000f,0 24px 64px #0000003d;visibility:hidden;opacity:0;transform:translateY(12px);
transition:opacity .18s,transform .18s,visibility 0s .18s}
.panel.open{visibility:visible;opacity:1;transform:none;transition:opacity .18s,transform .18s}
iframe{display:block;inline-size:100%;block-size:100%;border:0;color-scheme:normal}
@media (max-width:520px){.panel{inset:0;inline-size:100vw;block-size:100vh;block-size:100dvh;border-radius:0}button.open{display:none}}
@media (prefers-color-scheme:dark){.panel{background:#14161f}}
@media (prefers-reduced-motion:reduce){*{transition:none!important}}
@media print{button,.panel{display:none}}`;

  function element(name, attributes, ...children) {
    const namespace = /^(svg|path)$/.test(name) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
    const node = document.createElementNS(namespace, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    node.append(...children);
    return node;
  }

  function mount() {
    if (launcher) return;
    const host = element("div", { id: "nightdesk" });
    const root = host.attachShadow({ mode: "open" });
    try { // a constructed sheet passes a page's style-src; older browsers get a <style>
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
    } catch {
      root.append(element("style", {}, STYLE));
    }
    badge = element("b", { hidden: "", "aria-hidden": "true" });
    launcher = element("button", { type: "button", "aria-expanded": "false" },
      element("svg", { class: "up", viewBox: "0 0 24 24", "aria-hidden": "true" },
        element("path", { d: "M12 3.5c-5 0-9 3.4-9 7.6 0 2.5 1.4 4.6 3.5 6L6 20.5l4-2c.7.1 1.3.2 2 .2 5 0 9-3.4 9-7.6S17 3.5 12 3.5Z" }),
        element("path", { d: "M8.5 11.2h.01M12 11.2h.01M15.5 11.2h.01", "stroke-width": "2.4" })),
      element("svg", { class: "down", viewBox: "0 0 24 24", "aria-hidden": "true" }, element("path", { d: "m6 9.5 6 6 6-6" })),
      badge);
    panel = element("div", { class: "panel" });
    launcher.addEventListener("click", () => commands.toggle());
    launcher.addEventListener("keydown", (event) => { if (event.key === "Escape" && open) commands.hide(); });
    root.append(panel, launcher);
    document.body.append(host);
    paint();
    if (known.get()) summon(); // reconnect, so that an answer given meanwhile shows on the badge
    if (shown.get() === "open" && !matchMedia("(max-width:520px)").matches) commands.show({ quietly: true });
  }

  function summon() {
    if (frame) return;
    const address = new URL("/widget/frame", home);
    address.searchParams.set("origin", location.origin);
    for (const key of ["locale", "theme", "accent"]) if (options[key]) address.searchParams.set(key, options[key]);
    if (known.get() === "reset") address.searchParams.set("reset", "1");
    frame = element("iframe", { src: address.href, title: words().title, allow: "clipboard-write" });
    panel.append(frame);
  }

  function post(kind, data) {
    if (frame && greeted) frame.contentWindow.postMessage({ nightdesk: kind, ...data }, home);
  }

  function emit(name, value) {
    for (const listener of listeners[name]) listener(value);
  }

  function paint() {
    launcher.classList.toggle("open", open);
    panel.classList.toggle("open", open);
    launcher.setAttribute("aria-expanded", open);
    launcher.setAttribute("aria-label", open ? words().close : unread ? words().unread(unread) : words().open);
    badge.hidden = open || !unread;
    badge.textContent = unread > 99 ? "99+" : unread;
    if (/^#[0-9a-f]{6}$/i.test(options.accent || "")) {
      const light = [1, 3, 5].reduce((sum, at, i) => sum + parseInt(options.accent.substr(at, 2), 16) * [0.299, 0.587, 0.114][i], 0);
      launcher.style.setProperty("--a", options.accent);
      launcher.style.setProperty("--on", light > 140 ? "#111" : "#fff");
    }
    fit();
  }

  // A phone's keyboard covers the page instead of shrinking it: the panel follows what is left to see.
  function fit() {
    const view = window.visualViewport;
    const phone = open && matchMedia("(max-width:520px)").matches;
    panel.style.blockSize = phone && view ? `${view.height}px` : "";
    panel.style.top = phone && view ? `${view.offsetTop}px` : "";
    panel.style.bottom = phone && view ? "auto" : "";
    document.documentElement.style.overflow = phone ? "hidden" : "";
  }

  const commands = {
    boot(given) {
      for (const key in given) options[key] = given[key];
      if (!document.body) return document.addEventListener("DOMContentLoaded", () => commands.boot());
      if (location.origin === "null") return console.warn("Nightdesk needs a page served over HTTP; this one has no origin.");
      mount();
      post("boot", { options, open, focus: false });
    },
    show(how) {
      if (!launcher) commands.boot();
      if (!launcher) return;
      summon();
      open = true;
      shown.set("open");
      paint();
      keen = !(how && how.quietly);
      if (keen) frame.focus();
      post("shown", { focus: keen });
    },
    hide() {
      if (!launcher || !open) return;
      open = false;
      shown.set("");
      paint();
      launcher.focus();
      post("hidden");
    },
    toggle() { open ? commands.hide() : commands.show(); },
    shutdown() {
      options.identity = undefined;
      shown.set("");
      if (!known.get() && !frame) return;
      known.set("reset"); // stays until the frame has cleared itself, even if this page goes away first
      clearing = Boolean(frame);
      post("shutdown");
      unread = 0;
      open = false;
      if (launcher) paint();
    },
    on(name, listener) {
      if (!listeners[name]) throw new Error(`Nightdesk has no event '${name}'; it has ${Object.keys(listeners).join(", ")}`);
      listeners[name].push(listener);
      if (name === "ready" && ready) listener();
      if (name === "unread" && unread) listener(unread);
    },
  };

  const heard = {
    hello() {
      greeted = true;
      if (clearing) return post("shutdown");
      if (open && keen) frame.focus();
      post("boot", { options, open, focus: open && keen });
    },
    ready() { ready = true; emit("ready"); },
    known() { known.set("known"); },
    close() { commands.hide(); },
    unread({ count }) {
      if (count === unread) return;
      unread = count;
      paint();
      emit("unread", unread);
    },
    cleared() {
      known.set("");
      if (!clearing) return; // cleared on its way in: it goes on as a new visitor
      clearing = greeted = ready = false;
      frame.remove();
      frame = undefined;
      if (open) summon();
    },
  };

  addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== home) return;
    const kind = event.data && event.data.nightdesk;
    if (Object.hasOwn(heard, kind)) heard[kind](event.data);
  });
  if (window.visualViewport) window.visualViewport.addEventListener("resize", () => { if (open) fit(); });

  window.Nightdesk = (name, ...rest) => {
    if (!Object.hasOwn(commands, name)) throw new Error(`Nightdesk has no command '${name}'; it has ${Object.keys(commands).join(", ")}`);
    commands[name](...rest);
  };
  window.Nightdesk.loaded = true;
  if (script.dataset.boot !== "manual") commands.boot();
  for (const call of early) window.Nightdesk(...call);
})();
