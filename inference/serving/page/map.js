// The map: interests as dots, families as rings, fields as discs, a person's own marked on it.
import { shape } from "./dom.js";
import { placeLabels } from "./labels.js";
import { DISTANCES, names } from "./words.js";

const FIELD_TEXT = 12;  // pixels on the screen, whatever the map's own units are
const FIELD_PART = 0.115;  // of a disc's radius: what its name may be high on a small screen
const MARK_TEXT = 11;
const LEAST = { planned: 9, liked: 5 };  // pixels of radius: room for a number, enough to be seen
const BEND = 0.18;  // of a line's length

// Returns what draws on `svg`; `load` takes the map of a release, `mark` a person on it.
export function mapOn(svg) {
  let map = null;
  let person = null;
  let lit = null;

  function at(cluster) {
    return map.serving.get(cluster);
  }

  function link(entry, from) {
    const [a, b] = [at(from.cluster_id), at(entry.cluster_id)];
    const middle = { x: (a.x + b.x) / 2 - BEND * (b.y - a.y), y: (a.y + b.y) / 2 + BEND * (b.x - a.x) };
    const d = `M${a.x} ${a.y}Q${middle.x} ${middle.y} ${b.x} ${b.y}`;
    const kind = entry.distance || "pinned";
    return shape("path", { class: `link ${kind}`, d, "data-planned": entry.cluster_id });
  }

  function backdrop(unit) {
    const discs = map.circles.filter((c) => c.level < map.serving_level).map((c) => shape("circle", {
      class: c.level ? "family" : "field", cx: c.x, cy: c.y, r: c.radius }, shape("title", {}, c.name)));
    if (!map.serving_level) return discs;
    const fields = map.circles.filter((c) => !c.level).flatMap((c) => {
      const size = Math.min(FIELD_TEXT * unit, FIELD_PART * c.radius);
      const r = c.radius - 1.25 * size;
      const d = `M${c.x - r} ${c.y}A${r} ${r} 0 0 1 ${c.x + r} ${c.y}`;
      const words = shape("textPath", { href: `#arc-${c.cluster_id}`, startOffset: "50%" }, c.name);
      const fits = c.name.length * 0.55 * size < 0.8 * Math.PI * r;
      const arc = shape("path", { id: `arc-${c.cluster_id}`, class: "arc", d });
      return fits ? [arc, shape("text", { class: "field-name", "font-size": size }, words)] : [];
    });
    return [...discs, ...fields];
  }

  function marks(unit) {
    const kinds = new Map();
    for (const cluster of person.tried) kinds.set(cluster.cluster_id, { kind: "tried" });
    person.liked.forEach((cluster, age) => kinds.set(cluster.cluster_id, { kind: "liked", age }));
    person.planned.forEach((entry, place) => kinds.set(
      entry.cluster_id, { kind: "planned", rank: place + 1, distance: entry.distance || "pinned" }));
    for (const [cluster, mark] of kinds) {
      mark.radius = Math.max(at(cluster).radius, (LEAST[mark.kind] || 0) * unit);
    }
    return kinds;
  }

  function dot(circle, mark) {
    const kind = mark ? [mark.kind, mark.distance].filter(Boolean).join(" ") : "";
    const made = shape("circle", {
      class: `dot ${kind}`.trim(), cx: circle.x, cy: circle.y, r: mark ? mark.radius : circle.radius,
      "data-cluster": circle.cluster_id }, shape("title", {}, circle.name));
    if (mark && mark.kind === "liked") made.setAttribute("fill-opacity", Math.max(0.45, 1 - 0.08 * mark.age));
    return made;
  }

  function draw() {
    if (!map || !svg.clientWidth) return;
    const unit = map.width / svg.clientWidth;
    const keep = [...svg.children].slice(0, 2);  // what the map is called, and what it says
    const kinds = person ? marks(unit) : new Map();
    const dots = [...map.serving.values()].map((circle) => dot(circle, kinds.get(circle.cluster_id)));
    const links = person ? person.planned.flatMap((e) => e.led_by.map((from) => link(e, from))) : [];
    const numbers = [...kinds].filter(([, mark]) => mark.rank).map(([id, mark]) => shape(
      "text", { class: "rank", x: at(id).x, y: at(id).y, "font-size": MARK_TEXT * unit }, String(mark.rank)));
    svg.replaceChildren(...keep, ...backdrop(unit), ...links, ...dots, ...numbers);
    placeLabels(svg, [...kinds].map(([id, mark]) => ({ ...at(id), ...mark })), unit, map);
    light(lit);
  }

  function light(cluster) {
    lit = cluster;
    svg.classList.toggle("lit", cluster !== null);
    for (const node of svg.querySelectorAll("[data-planned], [data-label]")) {
      const own = node.dataset.planned || node.dataset.label;
      node.classList.toggle("on", cluster !== null && own === String(cluster));
    }
  }

  new ResizeObserver(draw).observe(svg);
  return {
    light,
    load(loaded) {
      const serving = loaded.circles.filter((c) => c.level === loaded.serving_level);
      map = { ...loaded, serving: new Map(serving.map((c) => [c.cluster_id, c])) };
      person = null;
      svg.setAttribute("viewBox", `0 0 ${map.width} ${map.height}`);
      draw();
    },
    mark(found) {
      person = found;
      draw();
    },
  };
}

// What the map shows of a person, for who does not see it.
export function tellMap(liked, planned) {
  const led = (entry) => (entry.led_by.length ? `, from ${names(entry.led_by, " and ")}` : "");
  const far = (entry) => (entry.distance ? `, ${DISTANCES[entry.distance].tag}` : "");
  const plan = planned.map((entry, place) => `${place + 1}: ${entry.name}${far(entry)}${led(entry)}`);
  return `Likes ${names(liked, ", ") || "nothing yet"}. Planned: ${plan.join("; ") || "nothing"}.`;
}
