/* The message list. Keyed by message: a node once shown is never built again, so a screen reader hears it once. */

import { element, icon, ICONS } from "../page/element.js";
import { link, markdown } from "../page/markdown.js";
import { clock, dayName, dayOf } from "../page/when.js";

const GROUP_MS = 5 * 60_000;
const NEAR_END_PX = 80;

export class Log {
  #shown = new Map(); // key → {node, print}

  /** list: the role=log element; jump: the button that leads to the newest; act: {press(button), edit(entry), discard(entry)}. */
  constructor({ list, scroller, jump, words, act }) {
    Object.assign(this, { list, scroller, jump, words, act });
    jump.addEventListener("click", () => this.toEnd("smooth"));
    scroller.addEventListener("scroll", () => { if (this.nearEnd) jump.hidden = true; }, { passive: true });
  }

  get nearEnd() {
    return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < NEAR_END_PX;
  }

  toEnd(behavior = "auto") {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: calm ? "auto" : behavior });
    this.jump.hidden = true;
  }

  /** Shows exactly `entries`, touching only what changed. */
  render(entries) {
    const follow = this.nearEnd || entries.at(-1)?.delivery === "pending";
    const wanted = this.#wanted(entries);
    const grew = wanted.length > this.#shown.size;
    for (const [key, { node }] of this.#shown) if (!wanted.some((each) => each.key === key)) this.#forget(key, node);
    let before = this.list.firstElementChild;
    for (const { key, print, build } of wanted) {
      let known = this.#shown.get(key);
      if (known?.print !== print) {
        const node = build();
        if (known) {
          if (before === known.node) before = known.node.nextElementSibling;
          known.node.remove();
        }
        known = { node, print };
        this.#shown.set(key, known);
      }
      if (known.node === before) before = before.nextElementSibling;
      else this.list.insertBefore(known.node, before);
    }
    if (follow) this.#toNewest(entries.at(-1));
    else if (grew) this.jump.hidden = false;
  }

  // An answer longer than the window is read from its beginning.
  #toNewest(entry) {
    const node = this.#shown.get(entry?.key)?.node;
    if (node && entry.role !== "customer" && node.offsetHeight > this.scroller.clientHeight - NEAR_END_PX) node.scrollIntoView({ block: "start" });
    else this.toEnd();
  }

  #forget(key, node) {
    node.remove();
    this.#shown.delete(key);
  }

  // `print` is what a node's looks depend on; while it stays, the node stays.
  #wanted(entries) {
    const { locale } = this.words;
    const wanted = [];
    let previous = null;
    entries.forEach((entry, i) => {
      const day = dayOf(entry.at);
      if (!previous || dayOf(previous.at) !== day) {
        wanted.push({ key: `day-${day}`, print: "", build: () => element("p", { class: "day" }, element("span", {}, dayName(entry.at, locale))) });
        previous = null;
      }
      const first = !previous || previous.role !== entry.role || previous.author !== entry.author || new Date(entry.at) - new Date(previous.at) > GROUP_MS;
      const last = i === entries.length - 1;
      const print = JSON.stringify([first, last && entry.buttons.length > 0, entry.delivery, entry.why, entry.delivery ? "" : entry.id]);
      wanted.push({ key: entry.key, print, build: () => this.#message(entry, first, last) });
      previous = entry;
    });
    return wanted;
  }

  #message(entry, first, last) {
    const { say, locale } = this.words;
    if (entry.role === "line") return element("p", { class: "line" }, element("span", { dir: "auto" }, entry.text));
    if (entry.role === "system") {
      return element("div", { class: "notice" }, element("span", { class: "unseen" }, say("notice")),
        element("div", { class: "words", dir: "auto" }, markdown(entry.text)), last && this.#buttons(entry));
    }
    const mine = entry.role === "customer";
    const who = element("p", { class: "by" },
      !mine && element("span", { class: "name", "aria-hidden": "true" }, entry.author || say("role_assistant")),
      element("time", { datetime: entry.at }, clock(entry.at, locale)));
    return element("article", { class: `message from-${entry.role}${first ? " first" : ""}`, "data-message": entry.id ?? null },
      first && who,
      element("span", { class: "unseen" }, mine ? say("said_you") : say("said", { name: entry.author || say("role_assistant") })),
      element("div", { class: "words", dir: "auto" }, mine ? entry.text : markdown(entry.text)),
      this.#sources(entry.citations),
      this.#delivery(entry),
      last && this.#buttons(entry));
  }

  #sources(citations) {
    if (!citations?.length) return null;
    const { say } = this.words;
    const titles = [...new Set(citations.map((each) => each.title))];
    return element("details", { class: "sources" },
      element("summary", {}, icon(...ICONS.book), element("span", {}, `${say(titles.length > 1 ? "sources" : "source")} ${titles.join(", ")}`)),
      citations.map((each) => {
        const page = link(say("open_source"), each.source);
        return element("figure", {},
          titles.length > 1 && element("figcaption", { dir: "auto" }, each.title),
          element("blockquote", { dir: "auto" }, each.snippet),
          page);
      }));
  }

  #delivery(entry) {
    const { say } = this.words;
    if (entry.delivery === "pending") return element("p", { class: "delivery" }, say("pending"));
    if (entry.delivery !== "refused") return null;
    return element("p", { class: "delivery refused" }, say("failed", { why: entry.why || say("failed_why") }), " ",
      element("button", { type: "button", onclick: () => this.act.edit(entry) }, say("edit")), " ",
      element("button", { type: "button", onclick: () => this.act.discard(entry) }, say("discard")));
  }

  #buttons(entry) {
    if (!entry.buttons?.length) return null;
    return element("div", { class: "replies" },
      entry.buttons.map((button) => element("button", { type: "button", onclick: () => this.act.press(button) }, button.title)));
  }
}
