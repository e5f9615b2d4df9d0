/* Server-sent events through fetch(), so that a token can travel in a header and a lost line is noticed. */

import { Patience } from "./patience.js";

// The server speaks at least every 15 s; two missed beats mean that the line is dead although nobody said so.
const SILENCE_MS = 40_000;

export class Stream {
  #stopped = false;
  #abort = null;
  #patience = new Patience();

  /**
   * path, headers: where to listen and as whom; cursor: the last event already known (0 = from the first, null = from now).
   * onEvent(kind, data) gets every frame, parsed; onState("live" | "waiting") the connection's changes;
   * onRefused(status) a 4xx, after which the stream has stopped.
   */
  constructor({ path, headers = {}, cursor = null, onEvent, onState, onRefused }) {
    Object.assign(this, { path, headers, cursor, onEvent, onState, onRefused });
    addEventListener("offline", this.#offline);
    this.#run();
  }

  stop() {
    this.#stopped = true;
    removeEventListener("offline", this.#offline);
    this.#abort?.abort();
    this.#patience.hurry();
  }

  #offline = () => {
    this.onState("waiting");
    this.#abort?.abort();
  };

  async #run() {
    while (!this.#stopped) {
      try {
        await this.#listen();
      } catch {
        // lost: the loop asks again from the cursor
      }
      if (this.#stopped) return;
      this.onState("waiting");
      await this.#patience.wait();
    }
  }

  async #listen() {
    this.#abort = new AbortController();
    let watchdog;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => this.#abort.abort(), SILENCE_MS);
    };
    alive();
    try {
      const response = await fetch(this.path, {
        headers: { Accept: "text/event-stream", ...(this.cursor === null ? {} : { "Last-Event-ID": String(this.cursor) }), ...this.headers },
        cache: "no-store",
        signal: this.#abort.signal,
      });
      if (response.status >= 400 && response.status < 500 && response.status !== 429) {
        this.stop();
        this.onRefused(response.status);
        return;
      }
      if (!response.ok) throw new Error(`events answered ${response.status}`);
      this.onState("live");
      this.#patience.reset();
      for await (const frame of frames(response.body, alive)) this.#take(frame);
    } finally {
      clearTimeout(watchdog);
    }
  }

  #take({ id, kind, data }) {
    let parsed;
    try {
      parsed = JSON.parse(data);
    } catch {
      return; // not one of ours
    }
    this.onEvent(kind, parsed);
    // Only now: an event that could not be taken is asked for again after a reconnect.
    if (id && Number(id) > (this.cursor ?? 0)) this.cursor = Number(id);
  }
}

/** The frames in a byte stream: {id, kind, data}; comments only call `alive`. */
export async function* frames(body, alive = () => {}) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      alive();
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const frame = { id: "", kind: "message", data: "" };
        for (const line of block.split(/\r?\n/)) {
          const [, name, text] = /^(\w*):? ?(.*)$/.exec(line) ?? [];
          if (name === "data") frame.data += (frame.data && "\n") + text;
          else if (name === "event") frame.kind = text;
          else if (name === "id") frame.id = text;
        }
        if (frame.data) yield frame;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
