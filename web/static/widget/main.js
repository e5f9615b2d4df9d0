/* The widget's conductor: host page, session, transcript, outbox and stream come together here. */

import { transient } from "../wire/api.js";
import { Patience } from "../wire/patience.js";
import { Stream } from "../wire/stream.js";
import { element, icon, ICONS } from "../page/element.js";
import { paint } from "./colour.js";
import { Composer, LONGEST } from "./composer.js";
import { Courier } from "./courier.js";
import { Host } from "./host.js";
import { Log } from "./log.js";
import { forget, seen } from "./memory.js";
import { Session } from "./session.js";
import { speak } from "./strings.js";
import { Transcript } from "./transcript.js";

const TYPING_LASTS_MS = 6000;
const OWED_LASTS_MS = 60_000;
const SHORT_GAP_MS = 2000;

const part = (id) => document.getElementById(id);
const parameters = new URLSearchParams(location.search);

class Widget {
  identity; // what the page says of its customer: a JWT, "" for nobody, undefined for no opinion
  accepted;
  open = false;
  begun = false;
  live = "waiting";
  stream = null;
  typist = null; // {name, until}
  personAsked = false;

  constructor() {
    if (parameters.get("reset")) forget();
    this.words = speak(parameters.get("locale") || document.documentElement.lang);
    this.session = new Session();
    this.begin();
    this.host = new Host({
      boot: (message) => this.boot(message),
      shown: ({ focus }) => this.show(focus),
      hidden: () => { this.open = false; },
      shutdown: () => this.shutdown(),
    });
    if (parameters.get("reset")) this.host.tell("cleared");
    this.host.tell("hello");
  }

  // -- what the page says ------------------------------------------------------------------------------------------

  boot({ options = {}, open, focus }) {
    this.open = open;
    if (focus) this.composer.box.focus();
    document.documentElement.dataset.theme = ["light", "dark"].includes(options.theme) ? options.theme : parameters.get("theme") || "auto";
    paint(document.documentElement, options.accent ?? parameters.get("accent"));
    const changed = this.begun && options.identity !== undefined && options.identity !== this.identity;
    this.identity = options.identity;
    if (!this.begun || changed) this.start();
    this.begun = true;
  }

  show(focus) {
    this.open = true;
    this.read();
    this.log.toEnd();
    if (focus) this.composer.box.focus();
  }

  shutdown() {
    this.stream?.stop();
    this.stream = null;
    this.session.visitor = null; // the courier stops here
    forget();
    this.host.tell("cleared");
  }

  // -- the parts of the panel ----------------------------------------------------------------------------------------

  begin() {
    const { say, locale, direction } = this.words;
    Object.assign(document.documentElement, { lang: locale, dir: direction });
    for (const node of document.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
    for (const node of document.querySelectorAll("[data-say-label]")) node.setAttribute("aria-label", say(node.dataset.sayLabel));
    part("box").placeholder = say("placeholder");
    part("person").title = say("person_hint");
    this.transcript = new Transcript({ say, assistant: () => this.session.assistant.name });
    this.courier = new Courier(this.session, {
      sent: (item, answer) => this.sent(item, answer),
      refused: (item) => this.refused(item),
      waiting: () => this.render(),
    });
    this.log = new Log({
      list: part("log"), scroller: part("talk"), jump: part("jump"), words: this.words,
      act: {
        press: ({ title, payload }) => this.send({ text: title, payload }),
        edit: (entry) => { this.discard(entry); this.composer.write(entry.text); },
        discard: (entry) => this.discard(entry),
      },
    });
    this.composer = new Composer({
      form: part("composer"), box: part("box"),
      on: {
        send: (text) => this.send({ text }),
        typing: () => { if (this.session.conversation && navigator.onLine) this.session.typing().catch(() => {}); },
        tooLong: () => this.tell(say("too_long", { max: LONGEST })),
      },
    });
    part("person").addEventListener("click", () => this.askForPerson());
    part("close").addEventListener("click", () => this.host.tell("close"));
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing) this.host.tell("close");
      if (event.altKey && event.code === "KeyP") {
        event.preventDefault();
        this.askForPerson();
      }
    });
    addEventListener("online", () => { this.courier.flush(); this.line(); });
    addEventListener("offline", () => this.line());
    document.addEventListener("visibilitychange", () => this.read());
    for (const item of this.courier.items()) this.transcript.pend(item);
    this.render();
  }

  // -- the conversation ------------------------------------------------------------------------------------------------

  /** Signs in and catches up, however long the server takes to be there. */
  async start() {
    const patience = new Patience();
    for (;;) {
      try {
        await this.signIn();
        return;
      } catch (error) {
        if (!transient(error)) {
          this.tell(error.message || this.words.say("trouble"));
          return;
        }
        this.live = "waiting";
        this.line();
        await patience.wait();
      }
    }
  }

  async signIn() {
    this.stream?.stop();
    // Once the shop's word was taken, the token carries it; by the time of a restart the word itself may have expired.
    const before = await this.session.start(this.identity === this.accepted ? undefined : this.identity);
    this.accepted = this.identity;
    if (before && before.id !== this.session.visitor.id) this.startAfresh(before);
    this.welcome();
    if (this.session.conversation) await this.catchUp();
    else {
      this.live = "live";
      part("log").removeAttribute("aria-busy");
    }
    this.host.tell("ready");
    this.courier.flush();
    this.render();
    this.line();
  }

  /** Another person sits here now: what a signed-in visitor left unsent is not hers to send. */
  startAfresh(before) {
    if (before.verified) {
      for (const item of this.courier.items()) this.courier.discard(item.nonce);
      this.composer.write("");
    }
    this.transcript = new Transcript(this.transcript.words);
    for (const item of this.courier.items()) this.transcript.pend(item);
  }

  async catchUp() {
    part("log").setAttribute("aria-busy", "true"); // history is not news: a screen reader need not read it out
    const { conversation, events, cursor } = await this.session.history();
    for (const event of events) this.transcript.apply(event);
    this.transcript.status = conversation.status;
    this.transcript.assignee = conversation.assignee;
    this.personAsked = conversation.status === "open" || conversation.status === "snoozed";
    this.host.tell("known");
    this.render();
    this.log.toEnd();
    setTimeout(() => part("log").removeAttribute("aria-busy"), 300);
    this.follow(cursor);
  }

  follow(cursor) {
    this.stream?.stop();
    this.stream = new Stream({
      path: this.session.eventsPath,
      headers: this.session.headers,
      cursor,
      onEvent: (kind, data) => this.hear(kind, data),
      onState: (state) => { this.live = state; if (state === "waiting") this.partial(""); this.line(); if (state === "live") this.courier.flush(); },
      onRefused: () => { this.live = "waiting"; this.line(); setTimeout(() => this.start(), 5000); },
    });
  }

  hear(kind, data) {
    if (kind === "typing") {
      if (data.role === "customer") return;
      this.typist = { name: data.author || this.session.assistant.name, until: Date.now() + TYPING_LASTS_MS };
      setTimeout(() => this.typing(), TYPING_LASTS_MS + 50);
      this.typing();
      return;
    }
    if (kind === "partial") {
      this.partial(data.text);
      return;
    }
    if (!this.transcript.apply(data)) return;
    if (kind === "status" || data.data.role !== "customer") this.partial("");
    if (kind === "message" && data.data.role !== "customer") {
      this.typist = null;
      this.tell("");
    }
    if (kind === "status") this.personAsked = ["open", "snoozed"].includes(data.data.status);
    this.render();
    this.read();
  }

  async send(message) {
    this.tell("");
    this.transcript.pend(this.courier.post(message));
    this.render();
    this.log.toEnd("smooth");
  }

  async sent(item, answer) {
    if (item.kind === "message") this.transcript.confirm(item.nonce, answer.message);
    if (item.kind === "handoff") this.hearStatus(answer.conversation);
    this.host.tell("known");
    if (!this.stream) this.follow(0);
    this.render();
    this.line();
    setTimeout(() => this.typing(), OWED_LASTS_MS);
  }

  // The answer to a request for a person may come before its event does.
  hearStatus({ status, assignee }) {
    this.transcript.status = status;
    this.transcript.assignee = assignee;
  }

  refused(item) {
    if (item.kind === "handoff") {
      this.courier.discard(item.nonce);
      this.personAsked = false;
      this.tell(item.refused);
    } else {
      this.transcript.pend(item);
    }
    this.render();
  }

  discard({ nonce }) {
    this.courier.discard(nonce);
    this.transcript.drop(nonce);
    this.render();
  }

  askForPerson() {
    if (this.personAsked) this.tell(this.words.say("person_asked"));
    else this.courier.post({ kind: "handoff" });
    this.personAsked = true;
    this.render();
    this.composer.box.focus();
  }

  /** What is visible counts as read. */
  read() {
    const { conversation } = this.session;
    if (!conversation) return;
    if (this.open && !document.hidden) seen.set(conversation, Math.max(this.transcript.lastId, seen.get(conversation)));
    this.host.tell("unread", { count: this.transcript.unread(seen.get(conversation)) });
  }

  // -- what is shown ---------------------------------------------------------------------------------------------------

  welcome() {
    const { name, greeting, chips = [] } = this.session.assistant;
    document.title = this.words.say("title", { name });
    part("greeting").replaceChildren(
      element("p", { class: "hello", dir: "auto" }, greeting || ""),
      element("div", { class: "replies" }, chips.map((text) => element("button", { type: "button", onclick: () => this.send({ text }) }, text))));
  }

  render() {
    const entries = this.transcript.entries();
    document.body.classList.toggle("empty", entries.length === 0);
    this.log.render(entries);
    this.header();
    this.typing();
    this.read();
  }

  header() {
    const { say } = this.words;
    const { status, assignee } = this.transcript;
    const { name } = this.session.assistant;
    const person = status === "open" || status === "snoozed" ? assignee : null;
    const waiting = (status === "open" && !assignee) || (this.personAsked && status === "pending");
    part("who").textContent = person ? person.name : name;
    part("state").textContent = person ? say("state_person") : waiting ? say("state_waiting") : status === "resolved" ? say("state_closed") : say("state_assistant");
    const mark = person ? "person" : waiting ? "waiting" : "assistant";
    const sign = `${mark} ${person ? person.name : name}`;
    if (part("mark").dataset.who !== sign) {
      part("mark").dataset.who = sign;
      part("mark").className = `mark ${mark}`;
      part("mark").replaceChildren(mark === "assistant" ? (name || "·").charAt(0) : mark === "person" ? person.name.charAt(0) : icon(...ICONS.person));
    }
    part("person").hidden = Boolean(person);
    part("person").setAttribute("aria-pressed", String(this.personAsked));
    part("person-words").textContent = waiting ? say("state_waiting") : say("person");
  }

  /** What the assistant has said so far; the message that follows takes its place, an empty text takes it back. */
  partial(text) {
    const follow = this.log.nearEnd;
    part("partial").textContent = text;
    part("partial").hidden = !text;
    if (follow) this.log.toEnd();
  }

  typing() {
    const { say } = this.words;
    const last = this.transcript.entries().at(-1);
    const owed = this.transcript.awaiting && !this.personAsked && last && Date.now() - new Date(last.at) < OWED_LASTS_MS;
    const typist = this.typist && this.typist.until > Date.now() ? this.typist.name : owed ? this.session.assistant.name : null;
    const text = typist ? say("typing", { name: typist }) : "";
    if (part("typing-words").textContent !== text) {
      const follow = this.log.nearEnd;
      part("typing-words").textContent = text;
      part("typing").classList.toggle("on", Boolean(text));
      if (follow) this.log.toEnd();
    }
  }

  /** The line above the box: the connection's state first, then whatever else there is to say. */
  line() {
    const { say } = this.words;
    // A line that comes back within moments is not worth a word.
    this.waitingSince = this.live === "waiting" ? (this.waitingSince ?? Date.now()) : null;
    const long = this.waitingSince && Date.now() - this.waitingSince >= SHORT_GAP_MS;
    if (this.waitingSince && !long) setTimeout(() => this.line(), SHORT_GAP_MS);
    const away = !navigator.onLine ? say("offline") : long ? say("reconnecting") : "";
    const text = away || this.remark || "";
    if (part("line").textContent !== text) part("line").textContent = text;
    part("line").hidden = !text;
    document.body.classList.toggle("away", Boolean(away));
  }

  tell(remark) {
    this.remark = remark;
    this.line();
  }
}

new Widget();
