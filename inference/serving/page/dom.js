// Makes elements. Text is only ever set as text, so nothing of a catalogue or an id is markup.
const SVG = "http://www.w3.org/2000/svg";

export const at = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}

export function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function shape(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export const text = (className, words) => element("span", { class: className }, words);

export function button(words, label, act) {
  const made = element("button", { type: "button", "aria-label": label }, words);
  made.addEventListener("click", act);
  return made;
}

export function replace(id, ...children) {
  at(id).replaceChildren(...children.filter((child) => child !== null && child !== ""));
}
