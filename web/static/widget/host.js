/* The page around the iframe. It is heard only if it is our parent and has the origin it announced. */

export class Host {
  #origin = new URLSearchParams(location.search).get("origin");
  #alone = window.parent === window;

  /** heard: {kind: fn(message)} for what the page may say. Opened on its own, the frame boots itself. */
  constructor(heard) {
    if (this.#alone) {
      queueMicrotask(() => heard.boot({ options: {}, open: true, focus: true }));
      return;
    }
    addEventListener("message", (event) => {
      if (event.source !== window.parent || event.origin !== this.#origin) return;
      const kind = event.data?.nightdesk;
      if (Object.hasOwn(heard, kind)) heard[kind](event.data);
    });
  }

  /** Says `kind` to the page, and to no page but the announced one. */
  tell(kind, data = {}) {
    if (!this.#alone && this.#origin) window.parent.postMessage({ nightdesk: kind, ...data }, this.#origin);
  }
}
