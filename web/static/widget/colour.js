/* The shop's accent colour, made readable on whatever it lands on. */

const channel = (value) => {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
};

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** WCAG 2 relative luminance of [r, g, b]. */
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);

/** Black or white, whichever reads better: one of the two always has at least 4.5:1. */
const textOn = (rgb) => ((luminance(rgb) + 0.05) / 0.05 > 1.05 / (luminance(rgb) + 0.05) ? "#000" : "#fff");

const lighten = (rgb, share) => rgb.map((value) => Math.round(value + (255 - value) * share));

/** Sets the accent on the page; a dark accent is lifted for dark mode. Anything but #rrggbb is ignored. */
export function paint(root, accent) {
  if (!/^#[0-9a-f]{6}$/i.test(accent ?? "")) return;
  const rgb = parse(accent);
  const night = luminance(rgb) < 0.12 ? lighten(rgb, 0.16) : rgb;
  const set = (name, value) => root.style.setProperty(name, value);
  set("--accent-day", `rgb(${rgb})`);
  set("--on-accent-day", textOn(rgb));
  set("--accent-night", `rgb(${night})`);
  set("--on-accent-night", textOn(night));
}
