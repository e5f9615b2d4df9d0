/* The desk's keys, as agents know them from other desks: Alt and a letter, and ? for the list. */

const ALT = { KeyJ: "next", KeyK: "previous", KeyE: "resolve", KeyP: "note", KeyL: "reply", KeyM: "snooze", Digit1: "draft1", Digit2: "draft2", Digit3: "draft3" };

/** does: {next, previous, resolve, note, reply, snooze, draft(n), help}. By the key's place, since Alt changes its letter. */
export function listen(does) {
  addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    const name = event.altKey ? ALT[event.code] : null;
    if (name) {
      event.preventDefault();
      const draft = /^draft(\d)$/.exec(name);
      if (draft) does.draft(Number(draft[1]));
      else does[name]();
    } else if (event.key === "?" && !event.altKey && !event.target.closest("input, textarea")) {
      event.preventDefault();
      does.help();
    }
  });
}
