/* What was sent and is not acknowledged: kept in sessionStorage, so that a reload or a tunnel loses and doubles nothing. */

import { transient } from "../wire/api.js";
import { Patience } from "../wire/patience.js";
import { act } from "./calls.js";

const KEY = "nightdesk.desk.sent";

const load = () => JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
const save = (items) => sessionStorage.setItem(KEY, JSON.stringify(items));

export class Sent {
  #busy = false;
  #patience = new Patience();

  /** on: {acknowledged(item), refused(item, error), waiting(item)}. An item: {nonce, conversation, action, text, at}. */
  constructor(on) {
    this.on = on;
  }

  of(conversation) {
    return load().filter((item) => item.conversation === conversation);
  }

  send(conversation, action, text) {
    save([...load(), { nonce: crypto.randomUUID(), conversation, action, text, at: new Date().toISOString() }]);
    this.flush();
  }

  async flush() {
    if (this.#busy) return;
    this.#busy = true;
    for (let item; (item = load()[0]); ) {
      try {
        await act(item.conversation, item.action, { nonce: item.nonce, text: item.text });
        this.#forget(item);
        this.#patience.reset();
        this.on.acknowledged(item);
      } catch (error) {
        if (transient(error)) {
          this.on.waiting(item);
          await this.#patience.wait();
        } else {
          this.#forget(item);
          this.on.refused(item, error);
        }
      }
    }
    this.#busy = false;
  }

  #forget({ nonce }) {
    save(load().filter((item) => item.nonce !== nonce));
  }
}
