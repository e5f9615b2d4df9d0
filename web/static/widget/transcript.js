/* The conversation as the widget knows it: folded from events, each taken once, with what is still on its way. */

export class Transcript {
  #seen = new Set();
  #entries = []; // a Message each, with `event` (its event's id) and `key`; in the order of their events
  #pending = new Map(); // nonce → entry

  status = "pending";
  assignee = null;
  lastId = 0;

  constructor(words) {
    this.words = words; // {say, assistant()} for the lines that states turn into
  }

  /** Takes one event; returns false if it was known already. */
  apply(event) {
    if (this.#seen.has(event.id)) return false;
    this.#seen.add(event.id);
    this.lastId = Math.max(this.lastId, event.id);
    if (event.kind === "message") this.#message(event.id, event.data);
    if (event.kind === "status") this.#status(event.id, event.at, event.data);
    return true;
  }

  #message(event, message) {
    if (message.role === "note") return;
    const known = this.#entries.findIndex((entry) => entry.id === message.id);
    if (known >= 0) this.#entries.splice(known, 1);
    this.#pending.delete(message.nonce);
    this.#insert({ ...message, event, key: message.nonce ?? message.id });
  }

  #status(event, at, { status, assignee }) {
    const line = this.#line(status, assignee);
    this.status = status;
    this.assignee = assignee;
    if (line) this.#insert({ key: `status-${event}`, event, role: "line", text: line, at, buttons: [], citations: [] });
  }

  // Asking for a person and giving back are told by messages; what nobody says in words becomes a line.
  #line(status, assignee) {
    const { say, assistant } = this.words;
    if (status === "open" && assignee && assignee.id !== this.assignee?.id) return say("today_join", { name: assignee.name });
    if (status === "pending" && this.assignee) return say("back_to_assistant", { name: assistant() });
    if (status === "resolved" && this.status !== "resolved") return say("resolved");
    return null;
  }

  #insert(entry) {
    let at = this.#entries.length;
    while (at > 0 && this.#entries[at - 1].event > entry.event) at -= 1;
    this.#entries.splice(at, 0, entry);
  }

  /** An item of the outbox is shown at once, after everything that is certain. */
  pend(item) {
    if (item.kind !== "message") return;
    this.#pending.set(item.nonce, {
      key: item.nonce, nonce: item.nonce, role: "customer", text: item.text, at: new Date(item.at).toISOString(),
      buttons: [], citations: [], delivery: item.refused === undefined ? "pending" : "refused", why: item.refused,
    });
  }

  /** The server has it: from here on it is a message, whose event may come before or after this. */
  confirm(nonce, message) {
    if (!this.#pending.delete(nonce) || this.#entries.some((entry) => entry.id === message.id)) return;
    this.#insert({ ...message, event: this.lastId + 0.5, key: nonce });
  }

  drop(nonce) {
    this.#pending.delete(nonce);
  }

  entries() {
    return [...this.#entries, ...this.#pending.values()];
  }

  /** Messages from others after event `id`. */
  unread(id) {
    return this.#entries.filter((entry) => entry.event > id && ["assistant", "agent", "system"].includes(entry.role)).length;
  }

  /** True while the assistant owes an answer. */
  get awaiting() {
    const last = this.entries().findLast((entry) => !["line", "system"].includes(entry.role));
    return this.status === "pending" && last?.role === "customer" && last.delivery === undefined;
  }
}
