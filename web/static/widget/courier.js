/* Carries the outbox to the server, in order, until each item is acknowledged. What is in it survives reloads and tunnels. */

import { transient } from "../wire/api.js";
import { Patience } from "../wire/patience.js";
import { outbox } from "./memory.js";

export class Courier {
  #session;
  #busy = false;
  #patience = new Patience();

  /** on: {sent(item, answer), refused(item, error), waiting()}. */
  constructor(session, on) {
    this.#session = session;
    this.on = on;
  }

  /** Takes an item into the outbox and returns it as stored. */
  post(item) {
    const stored = { nonce: crypto.randomUUID(), at: Date.now(), kind: "message", ...item };
    outbox.put(stored);
    this.flush();
    return stored;
  }

  /** Delivers what waits. Safe to call at any time and from several tabs: nonces make a second delivery harmless. */
  async flush() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let item; this.#session.visitor && (item = outbox.items().find((each) => !each.refused)); ) await this.#carry(item);
    } finally {
      this.#busy = false;
    }
  }

  async #carry(item) {
    try {
      // The conversation is written down before the first attempt: a repeat must reach the same one.
      if (!item.conversation) outbox.put(Object.assign(item, { conversation: await this.#session.open() }));
      const answer = await this.#session.deliver(item);
      outbox.remove(item.nonce);
      this.#patience.reset();
      this.on.sent(item, answer);
    } catch (error) {
      if (!transient(error)) {
        outbox.put(Object.assign(item, { refused: error.message || "" }));
        this.on.refused(item, error);
        return;
      }
      this.on.waiting();
      await this.#patience.wait();
    }
  }

  discard(nonce) {
    outbox.remove(nonce);
  }

  items() {
    return outbox.items();
  }
}
