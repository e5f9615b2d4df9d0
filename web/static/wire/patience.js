/* Waiting before another try: longer each time, never in step with everybody else, and cut short by good news. */

const FIRST_MS = 500;
const LONGEST_MS = 20_000;

export class Patience {
  #tries = 0;
  #wake = null;

  constructor() {
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  /** Resolves after 0.5 s, 1 s, 2 s … 20 s, each shortened at random by up to a half; at once when hurried. */
  async wait() {
    const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#tries++);
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, full * (0.5 + Math.random() / 2));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  /** Ends the present wait; the next one starts short again. */
  hurry() {
    this.#tries = 0;
    this.#wake?.();
  }

  /** Called after a success. */
  reset() {
    this.#tries = 0;
  }
}
