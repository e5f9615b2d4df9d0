/* Tells an agent who looks elsewhere that somebody waits: in the title always, as a silent notification if allowed. */

const title = { base: document.title, waiting: 0 };

function paint() {
  document.title = title.waiting ? `(${title.waiting}) ${title.base}` : title.base;
}

export function setTitle(base) {
  title.base = base.replace(/^\(\d+\) /, "");
  paint();
}

export function setWaiting(count) {
  title.waiting = count;
  paint();
}

/** Shows the bell while permission may still be asked for. */
export function offer(bell) {
  if (!("Notification" in window) || Notification.permission !== "default") return;
  bell.hidden = false;
  bell.addEventListener("click", async () => {
    await Notification.requestPermission();
    bell.hidden = true;
  });
}

/** One notification a conversation; it says why somebody waits, never what they wrote. */
export function announce(conversation, reason, open) {
  if (!("Notification" in window) || Notification.permission !== "granted" || document.hasFocus()) return;
  const note = new Notification("Somebody is waiting for a person", { body: reason, tag: conversation, silent: true });
  note.addEventListener("click", () => {
    window.focus();
    note.close();
    open(conversation);
  });
}
