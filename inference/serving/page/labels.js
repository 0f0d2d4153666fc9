// Names on the map: the most telling first; one without room shows when its interest is pointed at.
import { shape } from "./dom.js";

const TEXT = 12;  // pixels on the screen
const GAP = 3;
const FIRST = ["planned", "liked", "tried"];

const cover = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

function lines(name) {  // two, cut where they are most alike in length
  const words = name.split(" ");
  const parts = words.map((_, cut) => [words.slice(0, cut).join(" "), words.slice(cut).join(" ")]);
  const longest = (pair) => Math.max(...pair.map((part) => part.length));
  const best = parts.reduce((a, b) => (longest(b) < longest(a) ? b : a));
  return best.filter(Boolean);
}

function label(mark, unit) {
  const found = lines(mark.name).map((words) => shape("tspan", {}, words));
  return shape("text", {
    class: `label ${mark.kind}`, "font-size": TEXT * unit, "data-label": mark.cluster_id }, ...found);
}

function move(node, box, unit) {
  [...node.children].forEach((part, at) => {
    part.setAttribute("x", (box.left + box.right) / 2);
    part.setAttribute("y", box.top + TEXT * unit * (1.15 * at + 0.9));
  });
}

const around = (c) => ({
  left: c.x - c.radius, right: c.x + c.radius, top: c.y - c.radius, bottom: c.y + c.radius });

function written(svg) {  // the names of fields
  return [...svg.querySelectorAll(".field-name")].map((node) => node.getBBox()).map((box) => ({
    left: box.x, right: box.x + box.width, top: box.y, bottom: box.y + box.height }));
}

export function placeLabels(svg, marks, unit, map) {
  const { width: right, height: bottom } = map;
  const taken = [...marks.map(around), ...written(svg)];
  const dots = [...map.serving.values()].map(around);  // better not to be written over either
  const ordered = [...marks].sort((a, b) => FIRST.indexOf(a.kind) - FIRST.indexOf(b.kind));
  for (const mark of ordered) {
    const node = label(mark, unit);
    svg.append(node);
    const width = Math.max(...[...node.children].map((part) => part.getComputedTextLength()));
    const height = 1.15 * TEXT * unit * node.children.length;
    const gap = GAP * unit;
    const box = (x, top) => ({ left: x - width / 2, right: x + width / 2, top, bottom: top + height });
    const aside = mark.radius + gap + width / 2;
    const spots = [
      box(mark.x, mark.y + mark.radius + gap), box(mark.x, mark.y - mark.radius - gap - height),
      box(mark.x + aside, mark.y - height / 2), box(mark.x - aside, mark.y - height / 2)];
    const inside = (b) => b.left >= 0 && b.right <= right && b.top >= 0 && b.bottom <= bottom;
    const isFree = (spot, others) => inside(spot) && !others.some((other) => cover(spot, other));
    const free = spots.find((spot) => isFree(spot, [...taken, ...dots]))
      || spots.find((spot) => isFree(spot, taken));
    if (free) taken.push(free);
    node.classList.toggle("crowded", !free);
    const middle = Math.min(Math.max(mark.x, width / 2), right - width / 2);
    const below = mark.y + mark.radius + gap + height < bottom ? spots[0].top : spots[1].top;
    move(node, free || box(middle, below), unit);
  }
}
