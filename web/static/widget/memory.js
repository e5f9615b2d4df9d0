/* What this browser remembers of the visitor: the token, what was read, and what is not yet acknowledged. */

const PREFIX = "nightdesk.";

/** localStorage, or the same for this page's life where the browser forbids it. */
function storage() {
  try {
    localStorage.setItem(`${PREFIX}probe`, "1");
    localStorage.removeItem(`${PREFIX}probe`);
    return localStorage;
  } catch {
    const values = new Map();
    return {
      getItem: (key) => values.get(key) ?? null,
      setItem: (key, value) => values.set(key, value),
      removeItem: (key) => values.delete(key),
      key: (i) => [...values.keys()][i] ?? null,
      get length() { return values.size; },
    };
  }
}

const store = storage();

function read(key) {
  try {
    return JSON.parse(store.getItem(PREFIX + key));
  } catch {
    return null;
  }
}

const write = (key, value) => store.setItem(PREFIX + key, JSON.stringify(value));

const keys = (start) => Array.from({ length: store.length }, (_, i) => store.key(i)).filter((key) => key?.startsWith(PREFIX + start));

export const visitor = {
  get: () => read("visitor"), // {token, id, name, verified}
  set: (value) => write("visitor", value),
};

export const seen = {
  get: (conversation) => read(`seen.${conversation}`) ?? 0,
  set: (conversation, id) => write(`seen.${conversation}`, id),
};

export const unsent = {
  get: () => read("text") ?? "",
  set: (text) => (text ? write("text", text) : store.removeItem(`${PREFIX}text`)),
};

/** One key an item, so that two tabs never overwrite each other's. */
export const outbox = {
  put: (item) => write(`outbox.${item.nonce}`, item),
  remove: (nonce) => store.removeItem(`${PREFIX}outbox.${nonce}`),
  items: () =>
    keys("outbox.")
      .map((key) => read(key.slice(PREFIX.length)))
      .filter(Boolean)
      .sort((a, b) => a.at - b.at),
};

/** Forgets everything about the visitor. */
export function forget() {
  for (const key of keys("")) store.removeItem(key);
}
