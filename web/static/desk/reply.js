/* The two boxes, reply and note: one shown at a time, their text kept per conversation until it is sent. */

import { act } from "./calls.js";

const TYPING_EVERY_MS = 4000;
const TALLEST_SHARE = 0.34;

const keep = (conversation, kind) => `nightdesk.desk.text.${conversation}.${kind}`;

/** Puts text back that could not be sent; what was typed meanwhile stays, after it. */
export function giveBack(conversation, kind, text) {
  const key = keep(conversation, kind);
  const typed = sessionStorage.getItem(key);
  sessionStorage.setItem(key, typed ? `${text}\n\n${typed}` : text);
}

export class Reply {
  #told = 0;

  /** root: #write; on: {send(action, text)}. */
  constructor(root, conversation, on) {
    Object.assign(this, { root, conversation, on });
    this.boxes = { reply: root.querySelector("#reply-text"), note: root.querySelector("#note-text") };
    this.forms = { reply: root.querySelector("#reply"), note: root.querySelector("#note") };
    for (const kind of ["reply", "note"]) this.#prepare(kind);
    root.querySelector("#mode-reply").addEventListener("click", () => this.focus("reply"));
    root.querySelector("#mode-note").addEventListener("click", () => this.focus("note"));
    this.show(sessionStorage.getItem(keep(conversation, "mode")) ?? "reply");
  }

  #prepare(kind) {
    const box = this.boxes[kind];
    this.restore(kind);
    box.addEventListener("input", () => {
      this.#save(kind);
      this.#grow(box);
      if (kind === "reply") this.#tell();
    });
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#send(event, kind);
    });
    this.forms[kind].addEventListener("submit", (event) => this.#send(event, kind));
  }

  restore(kind) {
    // What was typed before this script arrived stays as well.
    const typed = this.boxes[kind].value;
    this.boxes[kind].value = sessionStorage.getItem(keep(this.conversation, kind)) || typed;
    this.#grow(this.boxes[kind]);
  }

  #save(kind) {
    const text = this.boxes[kind].value;
    if (text) sessionStorage.setItem(keep(this.conversation, kind), text);
    else sessionStorage.removeItem(keep(this.conversation, kind));
  }

  #grow(box) {
    box.style.blockSize = "auto";
    if (box.scrollHeight) box.style.blockSize = `${Math.min(box.scrollHeight + 2, innerHeight * TALLEST_SHARE)}px`;
  }

  #send(event, kind) {
    event.preventDefault();
    const box = this.boxes[kind];
    const text = box.value.trim();
    if (!text || box.disabled) return;
    this.on.send(kind === "note" ? "notes" : "messages", text); // kept there before it is cleared here
    box.value = "";
    this.#save(kind);
    this.#grow(box);
    this.say("");
  }

  #tell() {
    if (Date.now() - this.#told < TYPING_EVERY_MS) return;
    this.#told = Date.now();
    act(this.conversation, "typing").catch(() => {});
  }

  show(kind) {
    this.mode = kind;
    sessionStorage.setItem(keep(this.conversation, "mode"), kind);
    for (const each of ["reply", "note"]) {
      this.forms[each].hidden = each !== kind;
      this.root.querySelector(`#mode-${each}`).setAttribute("aria-pressed", String(each === kind));
    }
    this.#grow(this.boxes[kind]);
  }

  focus(kind) {
    this.show(kind);
    this.boxes[kind].focus();
  }

  /** Adds a draft to the reply, in place of nothing that was typed. */
  insert(text) {
    const box = this.boxes.reply;
    this.show("reply");
    box.value = box.value.trim() ? `${box.value.trimEnd()}\n\n${text}` : text;
    this.#save("reply");
    this.#grow(box);
    if (!box.disabled) box.focus();
  }

  /** Who has the conversation decides whether one may answer in it. */
  allow(mine) {
    this.boxes.reply.disabled = !mine;
    this.forms.reply.querySelector("button").disabled = !mine;
    this.say(mine ? "" : "Claim the conversation to answer (Alt+L).");
  }

  say(sentence, problem = false) {
    const hint = this.forms.reply.querySelector(".hint");
    hint.textContent = sentence || "Ctrl+Enter sends.";
    hint.classList.toggle("problem", problem);
  }
}
