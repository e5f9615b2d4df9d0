/* The visitor and her conversation on the server: who we are, and every call made in that name. */

import { call, Refused } from "../wire/api.js";
import { visitor as remembered } from "./memory.js";

export class Session {
  visitor = remembered.get();
  conversation = null; // its id, once there is one
  assistant = { name: "", greeting: "", chips: [] };

  get #headers() {
    return { Authorization: `Bearer ${this.visitor.token}` };
  }

  get headers() {
    return this.#headers;
  }

  /** Signs in with what we remember; returns the visitor remembered before, or null. A dead token starts a new visitor. */
  async start(identity) {
    const before = this.visitor;
    const answer = await this.#introduce(before?.token, identity);
    this.visitor = { token: answer.token, ...answer.visitor };
    this.conversation = answer.conversation;
    this.assistant = answer.assistant;
    remembered.set(this.visitor);
    return before;
  }

  // An identity of "" is the page's word that nobody is signed in; without one, the page has no opinion. A token or an
  // identity that is refused (expired, forged) must not keep anybody from asking: we go on with less.
  async #introduce(token, identity) {
    const attempts = [{ token, identity }, ...(token ? [{ identity }] : []), ...(identity ? [{ identity: "" }] : [])];
    for (const [i, body] of attempts.entries()) {
      try {
        return await call("POST", "/api/visitor", { body });
      } catch (error) {
        const refused = error instanceof Refused && !error.passing;
        if (!refused || i === attempts.length - 1) throw error;
      }
    }
    return null; // the last attempt has returned or thrown
  }

  /** The conversation's id; opens one if there is none. Two tabs take turns, so that they open only one. */
  async open() {
    if (this.conversation) return this.conversation;
    const create = async () => {
      if (this.conversation) return this.conversation;
      const other = await call("POST", "/api/visitor", { body: { token: this.visitor.token } });
      const { conversation } = other.conversation
        ? { conversation: { id: other.conversation } }
        : await call("POST", "/api/conversations", { body: {}, headers: this.#headers });
      this.conversation = conversation.id;
      return this.conversation;
    };
    return navigator.locks ? navigator.locks.request("nightdesk.conversation", create) : create();
  }

  #path(rest = "", conversation = this.conversation) {
    return `/api/conversations/${encodeURIComponent(conversation)}${rest}`;
  }

  get eventsPath() {
    return this.#path("/events");
  }

  history() {
    return call("GET", this.#path(), { headers: this.#headers });
  }

  /** Delivers one item of the outbox; repeating it is harmless, the server knows its nonce. */
  deliver({ nonce, kind, text, payload, conversation }) {
    const headers = this.#headers;
    if (kind === "handoff") return call("POST", this.#path("/handoff", conversation), { body: { nonce }, headers });
    return call("POST", this.#path("/messages", conversation), { body: { nonce, text, ...(payload ? { payload } : {}) }, headers });
  }

  typing() {
    return call("POST", this.#path("/typing"), { body: {}, headers: this.#headers });
  }
}
