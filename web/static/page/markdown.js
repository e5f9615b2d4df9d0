/* The safe part of Markdown: paragraphs (a line each), lists, **bold** and links. Everything else stays the text it was. */

import { element } from "./element.js";

const INLINE = /\*\*(?<bold>[^*\n]+)\*\*|\[(?<label>[^\]\n]+)\]\((?<target>[^\s)]+)\)|(?<bare>https?:\/\/[^\s<>"')\]]*[^\s<>"')\].,;:!?])/g;
const BULLET = /^\s*[-*•]\s+(.*)$/;
const NUMBER = /^\s*(\d{1,3})[.)]\s+(.*)$/;

/** Nodes for `text`; its words reach the page only as text nodes, its links only over https, http or mailto. */
export function markdown(text) {
  const nodes = [];
  let list = null;
  for (const line of text.split(/\r?\n/)) {
    const bullet = BULLET.exec(line);
    const number = bullet ? null : NUMBER.exec(line);
    if (!bullet && !number) {
      list = null;
      if (line.trim()) nodes.push(element("p", {}, inline(line)));
      continue;
    }
    const name = bullet ? "ul" : "ol";
    if (!list || list.localName !== name) {
      list = element(name, number && number[1] !== "1" ? { start: number[1] } : {});
      nodes.push(list);
    }
    list.append(element("li", {}, inline(bullet ? bullet[1] : number[2])));
  }
  return nodes;
}

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const { bold, label, target, bare } = match.groups;
    const node = bold ? element("strong", {}, bold) : link(label ?? bare, target ?? bare);
    if (!node) continue; // an address we do not follow stays as it was written
    nodes.push(text.slice(end, match.index), node);
    end = match.index + match[0].length;
  }
  nodes.push(text.slice(end));
  return nodes.filter((node) => node !== "");
}

/** A link to `address`, or null if it is not one a customer should be sent to. */
export function link(label, address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (!["https:", "http:", "mailto:"].includes(url.protocol)) return null;
  return element("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow" }, label);
}
