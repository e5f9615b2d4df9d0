/* Times as people say them, in the reader's own zone. */

const DAY_MS = 86_400_000;

export const clock = (at, locale) => new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }).format(new Date(at));

/** A key that is equal for two moments of the same local day. */
export const dayOf = (at) => new Date(at).toDateString();

/** "Today", "Yesterday", "Tuesday" or "3 March 2026". */
export function dayName(at, locale, now = Date.now()) {
  const midnight = (moment) => new Date(new Date(moment).toDateString()).getTime();
  const days = Math.round((midnight(now) - midnight(at)) / DAY_MS);
  if (days === 0 || days === 1) {
    const word = new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-days, "day");
    return word.charAt(0).toLocaleUpperCase(locale) + word.slice(1);
  }
  if (days > 1 && days < 7) return new Intl.DateTimeFormat(locale, { weekday: "long" }).format(new Date(at));
  return new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" }).format(new Date(at));
}

/** How long since `at`, in its largest unit: "just now", "4 min", "2 h", "3 d". */
export function ago(at, now = Date.now()) {
  const minutes = Math.floor((now - new Date(at).getTime()) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h`;
  return `${Math.floor(minutes / 1440)} d`;
}
