/* The desk's conductor. The event stream says that something happened; the page is then asked for again and what
   changed is taken over, so that what an agent sees is always what the server would show to anybody who reloads. */

import { element } from "../page/element.js";
import { Stream } from "../wire/stream.js";
import { act, counts, page } from "./calls.js";
import { listen } from "./keys.js";
import { announce, offer, setTitle, setWaiting } from "./news.js";
import { arrange, dress, mergeList, mergeSection, times } from "./page.js";
import { giveBack, Reply } from "./reply.js";
import { Sent } from "./sent.js";

const HERE_MS = 60; // something in the open conversation: show it now
const ELSEWHERE_MS = 800; // a busy night elsewhere: once in a while is enough
const TYPING_LASTS_MS = 6000;
const NEAR_END_PX = 120;
const LINE_LASTS_MS = 6000;
const SHORT_GAP_MS = 2000;
const QUEUE = "/desk?status=open"; // what a conversation's own page lists
const QUEUE_KEY = "nightdesk.desk.queue";

const part = (id) => document.getElementById(id);
const open = () => part("main").dataset.conversation ?? null;

class Desk {
  reply = null;
  statuses = new Map(); // conversation → last status heard, to tell a new handoff from an old one
  refreshAt = Infinity;
  refreshing = false;
  stale = false;

  constructor() {
    this.sent = new Sent({
      acknowledged: () => this.refresh(0),
      refused: (item, error) => this.refused(item, error),
      waiting: () => this.pending(),
    });
    dress(document);
    this.enter();
    this.queue = open() ? (sessionStorage.getItem(QUEUE_KEY) ?? QUEUE) : location.pathname + (location.search || new URL(QUEUE, location.href).search);
    this.refresh(0); // the conversation's page shows who waits; the tab we came from may be another
    this.sent.flush();
    offer(part("bell"));
    part("help").addEventListener("click", () => part("keys").showModal());
    document.addEventListener("click", (event) => this.clicked(event));
    document.addEventListener("submit", (event) => this.submitted(event));
    addEventListener("popstate", () => this.load(location.href));
    setInterval(() => times(), 20_000);
    listen({
      next: () => this.step(1),
      previous: () => this.step(-1),
      resolve: () => part("do-resolve")?.click(),
      note: () => this.reply?.focus("note"),
      reply: () => this.answer(),
      snooze: () => this.openSnooze(),
      draft: (n) => part("drafts")?.children[n - 1]?.querySelector(".insert")?.click(),
      help: () => part("keys").showModal(),
    });
    this.stream = new Stream({
      path: "/desk/api/events",
      onEvent: (kind, event) => this.hear(kind, event),
      onState: (state) => this.connection(state),
      onRefused: () => location.reload(),
    });
  }

  // -- what happens elsewhere -----------------------------------------------------------------------------------------

  hear(kind, event) {
    if (kind === "typing") {
      if (event.conversation === open() && event.role === "customer") this.typing();
      return;
    }
    if (kind === "partial") {
      if (event.conversation === open()) part("typing").textContent = event.text;
      return;
    }
    if (kind === "message" && event.conversation === open()) part("typing").textContent = "";
    if (kind === "status") this.heardStatus(event);
    this.refresh(event.conversation === open() ? HERE_MS : ELSEWHERE_MS);
  }

  heardStatus({ conversation, data }) {
    const before = this.statuses.get(conversation);
    this.statuses.set(conversation, data.status);
    if (data.status !== "open" || data.assignee || before === "open") return;
    const reason = (data.reason ?? "").replaceAll("_", " ");
    announce(conversation, reason, (id) => this.load(`/desk/conversations/${id}`, true));
    this.say("Somebody is waiting for a person.");
  }

  typing() {
    part("typing").textContent = "Writing…";
    clearTimeout(this.typingEnds);
    this.typingEnds = setTimeout(() => { if (part("typing")) part("typing").textContent = ""; }, TYPING_LASTS_MS);
  }

  connection(state) {
    clearTimeout(this.gap);
    if (state === "live") {
      if (this.away) part("line").hidden = true;
      this.away = false;
      this.refresh(0); // whatever happened between the page and the stream
      this.sent.flush();
      return;
    }
    this.gap = setTimeout(() => {
      this.away = true;
      clearTimeout(this.lineEnds);
      part("line").textContent = "No connection. What you send will go out when it is back.";
      part("line").hidden = false;
    }, navigator.onLine ? SHORT_GAP_MS : 0);
  }

  say(sentence) {
    if (this.away) return;
    clearTimeout(this.lineEnds);
    part("line").textContent = sentence;
    part("line").hidden = false;
    this.lineEnds = setTimeout(() => { part("line").hidden = true; }, LINE_LASTS_MS);
  }

  // -- the page again ---------------------------------------------------------------------------------------------------

  /** Asks for the page again within `delay_ms`; many causes make one request. */
  refresh(delay_ms) {
    const at = Date.now() + delay_ms;
    if (this.refreshing) {
      this.stale = true;
      return;
    }
    if (at >= this.refreshAt) return;
    this.refreshAt = at;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetchAgain(), delay_ms);
  }

  async fetchAgain() {
    this.refreshAt = Infinity;
    this.refreshing = true;
    const address = location.href;
    const elsewhere = open() && this.queue !== QUEUE;
    try {
      const [fresh, queue, count] = await Promise.all([page(address), elsewhere ? page(this.queue) : null, counts(document.body.dataset.agent)]);
      if (fresh && address === location.href) this.merge(fresh, queue ?? fresh);
      this.badge(count);
    } catch {
      setTimeout(() => this.refresh(0), 2000);
    } finally {
      this.refreshing = false;
    }
    if (this.stale) {
      this.stale = false;
      this.refresh(HERE_MS);
    }
  }

  merge(fresh, queue) {
    const from = (id) => fresh.getElementById(id);
    this.mergeQueue(queue);
    if (open() && from("main").dataset.conversation === open()) this.mergeConversation(from);
    else if (!open() && !from("main").dataset.conversation) part("main").replaceChildren(...from("main").childNodes);
  }

  mergeQueue(queue) {
    const list = queue.getElementById("queue");
    for (const link of list.querySelectorAll("a")) { // the queue's own page does not know what is open
      if (link.pathname === `/desk/conversations/${open()}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    mergeList(part("queue"), list);
    for (const tab of part("tabs").children) {
      if (tab.pathname + tab.search === this.queue) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
  }

  mergeConversation(from) {
    const scroll = part("scroll");
    const follow = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END_PX;
    mergeSection(part("head"), from("head"));
    if (!part("panel").dataset.kept) mergeSection(part("panel"), from("panel"));
    else this.mergePanel(from("panel"));
    mergeList(part("thread"), from("thread"));
    this.pending();
    if (follow) scroll.scrollTop = scroll.scrollHeight;
    this.reply.allow(part("head").dataset.mine === "yes");
  }

  // Drafts that were asked for here are not on the server's page; they stay while the rest is renewed.
  mergePanel(fresh) {
    for (const id of ["drafts", "summary", "offers"]) {
      const kept = part("panel").querySelector(`#${id}`);
      const other = fresh.querySelector(`#${id}`);
      if (kept?.dataset.kept && other) other.replaceWith(kept);
    }
    fresh.dataset.kept = "yes";
    mergeSection(part("panel"), fresh);
  }

  badge(count) {
    for (const [name, number] of Object.entries(count)) {
      const badge = document.querySelector(`[data-count="${name}"]`);
      badge.textContent = number;
      badge.hidden = number === 0;
    }
    setWaiting(count.waiting);
  }

  // -- moving about -----------------------------------------------------------------------------------------------------

  /** Goes to another page of the desk without losing the stream. */
  async load(address, remember = false) {
    let fresh;
    try {
      fresh = await page(address);
    } catch {
      return location.assign(address);
    }
    if (!fresh?.getElementById("queue")) return location.assign(address);
    const { pathname, search } = new URL(address, location.href);
    if (pathname === "/desk") {
      this.queue = pathname + (search || "?status=open");
      sessionStorage.setItem(QUEUE_KEY, this.queue);
    }
    if (remember) history.pushState(null, "", address);
    document.body.className = fresh.body.className;
    part("panel")?.remove();
    const main = document.adoptNode(fresh.getElementById("main"));
    const panel = fresh.getElementById("panel");
    part("main").replaceWith(main);
    if (panel) main.after(document.adoptNode(panel));
    if (pathname === "/desk" || this.queue === QUEUE) this.mergeQueue(fresh);
    else this.mark();
    dress(document);
    setTitle(fresh.title);
    this.enter();
    this.refresh(0);
    main.focus({ preventScroll: true });
  }

  /** Marks the open conversation in a queue that came without it. */
  mark() {
    for (const link of document.querySelectorAll("#queue a")) {
      if (link.pathname === location.pathname) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  /** A conversation has come onto the page. */
  enter() {
    if (!this.away) part("line").hidden = true;
    this.reply = null;
    if (!open()) return;
    const conversation = open();
    this.reply = new Reply(part("write"), conversation, {
      send: (action, text) => {
        this.sent.send(conversation, action, text);
        this.pending();
        part("scroll").scrollTop = part("scroll").scrollHeight;
      },
    });
    this.reply.allow(part("head").dataset.mine === "yes");
    this.pending();
    part("scroll").scrollTop = part("scroll").scrollHeight;
    document.querySelector('#queue a[aria-current]')?.scrollIntoView({ block: "nearest" });
  }

  step(by) {
    const links = [...document.querySelectorAll("#queue a")];
    const at = links.findIndex((link) => link.getAttribute("aria-current"));
    const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by];
    if (next) this.load(next.href, true);
  }

  /** Shows what was sent and is not acknowledged, after everything that is. */
  pending() {
    const thread = part("thread");
    if (!thread) return;
    for (const old of thread.querySelectorAll(".sending")) old.remove();
    for (const item of this.sent.of(open())) {
      if (thread.querySelector(`[data-nonce="${item.nonce}"]`)) continue;
      thread.append(element("li", { class: `message sending from-${item.action === "notes" ? "note" : "agent"}` },
        element("div", { class: "words", dir: "auto" }, item.text),
        element("p", { class: "state" }, navigator.onLine ? "Sending…" : "Waiting to be sent")));
    }
    arrange(thread);
  }

  // -- what the agent does ----------------------------------------------------------------------------------------------

  clicked(event) {
    const link = event.target.closest("#queue a, #tabs a, .night .wordmark, .back");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      this.load(link.href, true);
      return;
    }
    const button = event.target.closest("button");
    if (!event.target.closest("#snooze")) part("snooze")?.removeAttribute("open");
    if (!button) return;
    if (button.matches(".insert")) this.reply.insert(button.closest(".draft").querySelector(".text").textContent);
    if (button.id === "suggest") this.suggest(button);
    if (button.id === "summarise") this.summarise(button);
    if (button.id === "offer") this.offer(button);
    if (button.dataset.in) this.do("snooze", { until: moment(button.dataset.in) });
  }

  submitted(event) {
    const { action } = event.target.dataset;
    if (!action) return;
    event.preventDefault();
    const theirs = part("head").dataset.theirs;
    this.do(action, action === "claim" && theirs ? { force: true } : {});
  }

  async do(action, body = {}) {
    part("snooze")?.removeAttribute("open");
    const conversation = open();
    try {
      await act(conversation, action, body);
    } catch (error) {
      this.say(error.status ? error.message : "No connection; nothing was changed. Please try again.");
      this.refresh(0);
      return false;
    }
    if (!this.away) part("line").hidden = true;
    await this.fetchAgain();
    if (action === "claim" && open() === conversation) this.reply.focus("reply");
    return true;
  }

  answer() {
    if (!this.reply) return;
    const { mine, theirs } = part("head").dataset;
    if (mine === "yes") this.reply.focus("reply");
    else if (theirs) this.say(`${theirs} has this conversation. Use “Take over” if it should be yours.`);
    else this.do("claim");
  }

  openSnooze() {
    const menu = part("snooze");
    if (!menu) return;
    menu.open = true;
    menu.querySelector(".presets button").focus();
  }

  refused(item, error) {
    const kind = item.action === "notes" ? "note" : "reply";
    giveBack(item.conversation, kind, item.text);
    if (item.conversation === open()) {
      this.reply.restore(kind);
      this.reply.say(`Not sent: ${error.message}`, true);
    }
    this.say(`Not sent: ${error.message} Your text is back in the box.`);
    this.refresh(0);
  }

  async suggest(button) {
    const conversation = open();
    await this.busy(button, "Thinking…", async () => {
      const { drafts } = await act(conversation, "suggest");
      if (open() !== conversation) return;
      part("no-drafts")?.remove();
      part("panel").dataset.kept = part("drafts").dataset.kept = "yes";
      part("drafts").replaceChildren(...drafts.slice(0, 3).map(draftItem));
      if (!drafts.length) this.say("The assistant has no draft for this one.");
    });
  }

  async summarise(button) {
    const conversation = open();
    await this.busy(button, "Reading…", async () => {
      const { summary } = await act(conversation, "summary");
      if (open() !== conversation || !summary) return;
      part("panel").dataset.kept = part("summary").dataset.kept = "yes";
      part("summary").textContent = summary;
    });
  }

  async offer(button) {
    const conversation = open();
    await this.busy(button, "Looking…", async () => {
      const { offers, articles } = await act(conversation, "offers");
      if (open() !== conversation) return;
      part("panel").dataset.kept = part("offers").dataset.kept = "yes";
      part("offers").replaceChildren(...offers.map(offerItem), ...articles.map(articleItem));
      if (!offers.length && !articles.length) this.say("Nothing to suggest just now; to an angry customer nothing is.");
    });
  }

  async busy(button, words, work) {
    const before = button.textContent;
    button.textContent = words;
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      this.say(error.status ? error.message : "No connection. Please try again.");
    } finally {
      button.textContent = before;
      button.disabled = false;
    }
  }
}

function draftItem(draft, i) {
  const titles = [...new Set(draft.citations.map((each) => each.title))];
  return element("li", { class: "draft", "data-key": `draft-${i + 1}` },
    element("p", { class: "text", dir: "auto" }, draft.text),
    titles.length > 0 && element("details", { class: "sources" },
      element("summary", {}, `${titles.length > 1 ? "Sources" : "Source"}: ${titles.join(", ")}`),
      draft.citations.map((each) => element("figure", {},
        element("figcaption", {}, each.title, " ", element("small", {}, `${each.kind} · ${each.source}`)),
        element("blockquote", { dir: "auto" }, each.snippet)))),
    element("p", { class: "made" }, draft.made_by === "model" ? "Written by the model" : "Quoted from a source",
      element("button", { type: "button", class: "insert", "aria-keyshortcuts": `Alt+${i + 1}` }, "Insert ", element("kbd", {}, `Alt ${i + 1}`))));
}

function offerItem(offer, i) {
  return element("li", { class: "offer", "data-key": `offer-${i + 1}` },
    element("p", { class: "text", dir: "auto" }, offer.name, " ", element("small", {}, offer.price)),
    element("p", { class: "fine", dir: "auto" }, offer.why));
}

function articleItem(article, i) {
  return element("li", { class: "offer", "data-key": `article-${i + 1}` },
    element("p", { class: "text", dir: "auto" }, article.title),
    element("p", { class: "fine", dir: "auto" }, "read by others who asked the same"));
}

/** The moments the snooze menu speaks of, as ISO 8601: mornings are 9 o'clock here. */
function moment(name) {
  const at = new Date();
  if (name === "hour") at.setHours(at.getHours() + 1);
  else {
    const days = name === "tomorrow" ? 1 : (8 - at.getDay()) % 7 || 7;
    at.setDate(at.getDate() + days);
    at.setHours(9, 0, 0, 0);
  }
  return at.toISOString();
}

new Desk();
