/* Takes over from a freshly rendered page what differs from the one on the screen, and leaves the rest in peace:
   open disclosures, focus and what is being typed survive. The server's templates stay the only place that knows how
   a conversation looks; this file only sets their text as Markdown and their times in words. */

import { element } from "../page/element.js";
import { markdown } from "../page/markdown.js";
import { ago, clock, dayName, dayOf } from "../page/when.js";

const raw = new WeakMap(); // node → the HTML it arrived as, before it was dressed
const LOCALE = navigator.language.startsWith(document.documentElement.lang) ? navigator.language : document.documentElement.lang;
const GROUP_MS = 5 * 60_000;

const print = (node) => node.outerHTML;

/** Dresses what is inside `root` (and remembers how it arrived). */
export function dress(root) {
  for (const section of root.querySelectorAll("#head, #panel, [data-key]")) if (!raw.has(section)) raw.set(section, print(section));
  for (const words of root.querySelectorAll(".words.markdown:not(.set)")) {
    words.replaceChildren(...markdown(words.textContent));
    words.classList.add("set");
  }
  for (const hidden of root.querySelectorAll(".insert, #suggest, #summarise, #offer, .modes, #help")) hidden.hidden = false;
  for (const button of root.querySelectorAll("button[data-live]")) {
    button.disabled = false;
    button.removeAttribute("data-live");
  }
  times(root);
}

/** Times in words and in the reader's zone; called again as they pass. */
export function times(root = document) {
  for (const time of root.querySelectorAll("time.ago")) time.textContent = ago(time.dateTime);
  for (const time of root.querySelectorAll("time.clock")) time.textContent = clock(time.dateTime, LOCALE);
}

/** Makes `list` hold the items of `fresh`, by data-key; an item that did not change stays the same node. */
export function mergeList(list, fresh) {
  const known = new Map([...list.children].filter((node) => node.dataset.key).map((node) => [node.dataset.key, node]));
  const wanted = [...fresh.children].map((node) => {
    const old = known.get(node.dataset.key);
    known.delete(node.dataset.key);
    if (old && raw.get(old) === print(node)) return old;
    const arrived = document.adoptNode(node);
    const holder = element("div", {}, arrived);
    dress(holder);
    if (old) keepOpen(old, arrived);
    const focused = old?.contains(document.activeElement);
    old?.replaceWith(arrived);
    if (focused) arrived.querySelector("a, button")?.focus();
    return arrived;
  });
  for (const gone of known.values()) gone.remove();
  // A node that stands where it should is not touched, or a screen reader would read it out again.
  const keyed = (node) => (!node || node.dataset.key ? node : keyed(node.nextElementSibling));
  let here = keyed(list.firstElementChild);
  for (const node of wanted) {
    if (node === here) here = keyed(here.nextElementSibling);
    else list.insertBefore(node, here);
  }
}

/** Replaces `section` by `fresh` if they differ; returns the one that is on the page. */
export function mergeSection(section, fresh) {
  if (!section || !fresh || raw.get(section) === print(fresh)) return section;
  const focus = section.contains(document.activeElement) ? document.activeElement.id : "";
  const arrived = document.adoptNode(fresh);
  dress(element("div", {}, arrived));
  keepOpen(section, arrived);
  section.replaceWith(arrived);
  if (focus) document.getElementById(focus)?.focus();
  return arrived;
}

function keepOpen(old, arrived) {
  const then = [...old.querySelectorAll("details")];
  arrived.querySelectorAll("details").forEach((details, i) => { if (then[i]?.open) details.open = true; });
}

/** Days between the messages, and names only where the speaker changes. */
export function arrange(thread) {
  const days = new Map([...thread.querySelectorAll(".day")].map((day) => [day.dataset.day, day]));
  let previous = null;
  for (const item of [...thread.children]) {
    const at = item.dataset.at;
    if (!at) continue;
    if (!previous || dayOf(previous.dataset.at) !== dayOf(at)) {
      const day = days.get(dayOf(at)) ?? element("li", { class: "day", "data-day": dayOf(at) });
      days.delete(dayOf(at));
      if (day.textContent !== dayName(at, LOCALE)) day.textContent = dayName(at, LOCALE);
      if (item.previousElementSibling !== day) item.before(day);
      previous = null;
    }
    if (item.matches(".message")) {
      const speaker = (node) => node.className.replace(" same", "") + node.querySelector(".name")?.textContent;
      const same = previous?.matches(".message") && speaker(previous) === speaker(item) && new Date(at) - new Date(previous.dataset.at) < GROUP_MS;
      item.classList.toggle("same", Boolean(same));
    }
    if (!item.matches(".reading")) previous = item;
  }
  for (const gone of days.values()) gone.remove();
}
