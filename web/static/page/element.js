/* Elements out of plain values. Text only ever enters the page as text nodes: nothing here parses HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (true = present, false/null/undefined = absent, on… = listener) and children. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  dress(node, attributes);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Sets what `attributes` names on `node` and leaves everything else alone. */
export function dress(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value === false || value === null || value === undefined) node.removeAttribute(key);
    else node.setAttribute(key, value);
  }
}

/** A line icon, 24 units square, drawn by `paths` in the colour of the text around it. */
export function icon(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  for (const d of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

export const ICONS = {
  person: ["M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z", "M4.5 20c.8-3.5 3.8-5.5 7.5-5.500s6.7 2 7.5 5.5"],
  send: ["M5 12h13", "m12.5 6.5 6 5.5-6 5.5"],
  close: ["m6 6 12 12M18 6 6 18"],
  book: ["M5 5.500A2.5 2.5 0 0 1 7.5 3H19v15H7.500A2.5 2.5 0 0 0 5 20.500v-15Z", "M5 20.500A2.5 2.5 0 0 0 7.5 21H19v-3"],
};
