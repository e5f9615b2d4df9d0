/* The box to write in: grows with its text, sends on Enter, and never loses a word that was typed. */

import { unsent } from "./memory.js";

export const LONGEST = 4000;
const TALLEST_PX = 132;
const TYPING_EVERY_MS = 4000;

export class Composer {
  #told = 0;

  /** on: {send(text), typing(), tooLong()}. */
  constructor({ form, box, on }) {
    this.box = box;
    this.on = on;
    box.value = unsent.get();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    box.addEventListener("keydown", (event) => {
      // While an input method is composing, Enter chooses a character.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.#send();
    });
    box.addEventListener("input", () => {
      unsent.set(box.value);
      this.#grow();
      this.#tell();
    });
    this.#grow();
  }

  write(text) {
    this.box.value = text;
    unsent.set(text);
    this.#grow();
    this.box.focus();
  }

  #send() {
    const text = this.box.value.trim();
    if (!text) return this.box.focus();
    if (text.length > LONGEST) return this.on.tooLong();
    this.on.send(text);
    this.write("");
  }

  #grow() {
    this.box.style.blockSize = "auto";
    this.box.style.blockSize = `${Math.min(this.box.scrollHeight, TALLEST_PX)}px`;
  }

  #tell() {
    if (Date.now() - this.#told < TYPING_EVERY_MS) return;
    this.#told = Date.now();
    this.on.typing();
  }
}
