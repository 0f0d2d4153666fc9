// The planned interests, by distance, with what led to each; what was chosen; what has changed.
import { button, element, text } from "./dom.js";
import { CHOICES, CHOSEN, DISTANCES, sentence } from "./words.js";

function card(entry, place, act) {
  const row = element("li", { class: "card", "data-cluster": entry.cluster_id });
  const head = element("p", { class: "head" }, text("rank", String(place)), text("title", entry.name));
  if (entry.is_pinned) head.append(text("tag", "pinned"));
  if (entry.isNew) head.append(text("tag new", "new in the plan"));
  row.append(head);
  if (entry.led_by.length) {
    const because = element("p", { class: "led" }, "because of ");
    entry.led_by.forEach((cluster, at) => because.append(at ? " + " : "", text("chip", cluster.name)));
    row.append(because);
  }
  if (act.choose) {
    row.append(element("p", { class: "actions" }, ...Object.entries(CHOICES).map(
      ([choice, word]) => button(word, `${word} ${entry.name}`, () => act.choose(entry, choice, word)))));
  }
  for (const kind of ["pointerenter", "focusin"]) row.addEventListener(kind, () => act.light(entry.cluster_id));
  for (const kind of ["pointerleave", "focusout"]) row.addEventListener(kind, () => act.light(null));
  return row;
}

function group(kind, title, note, entries, act) {
  const heading = element("h3", {}, title, note ? text("note", note) : "");
  const rows = entries.map(([entry, place]) => card(entry, place, act));
  return element("div", { class: `distance ${kind}` }, heading, element("ul", {}, ...rows));
}

// `act.choose` is absent where nothing can be chosen; `act.light` shows an interest on the map.
export function drawPlan(box, planned, act) {
  const placed = planned.map((entry, at) => [entry, at + 1]);
  const groups = Object.entries(DISTANCES).map(([distance, { name, told }]) => [
    distance, name, told, placed.filter(([entry]) => entry.distance === distance)]);
  const known = placed.filter(([entry]) => !entry.distance);
  groups.unshift(["pinned", "Pinned", "known already", known]);
  const shown = groups.filter(([, , , entries]) => entries.length);
  box.replaceChildren(...(shown.length
    ? shown.map(([kind, title, note, entries]) => group(kind, title, note, entries, act))
    : [element("p", { class: "dim" }, "Nothing is planned.")]));
}

export function drawChosen(list, told, choose) {
  const rows = Object.entries(CHOSEN).flatMap(([kind, word]) => told[kind].map((cluster) => element(
    "li", {}, text("title", cluster.name), text("tag", word),
    button("Undo", `Undo ${cluster.name}`, () => choose(cluster, "none", "Undo")))));
  list.replaceChildren(...rows);
  return rows.length;
}

// What an action did to the plan, in a sentence; marks the entries that are new in it.
export function tellChange(before, planned) {
  const was = new Set(before.map((entry) => entry.cluster_id));
  const is = new Set(planned.map((entry) => entry.cluster_id));
  const gained = planned.filter((entry) => !was.has(entry.cluster_id));
  for (const entry of gained) entry.isNew = true;
  const lost = before.filter((entry) => !is.has(entry.cluster_id));
  if (!gained.length && !lost.length) {
    const order = (plan) => plan.map((entry) => entry.cluster_id).join();
    return order(before) === order(planned) ? "The plan stayed as it was." : "The plan has another order.";
  }
  const parts = [];
  const called = (entries) => sentence(entries.map((entry) => entry.name));
  if (gained.length) parts.push(`New in the plan: ${called(gained)}.`);
  if (lost.length) parts.push(`No longer planned: ${called(lost)}.`);
  return parts.join(" ");
}

// Every interest by its field, for who looks for one or does not see the map.
export function drawAll(box, map, liked, planned) {
  const likes = new Set(liked.map((cluster) => cluster.cluster_id));
  const ranks = new Map(planned.map((entry, place) => [entry.cluster_id, place + 1]));
  const below = (level, parent) => map.circles.filter((c) => c.level === level && c.parent_id === parent);
  function leaves(circle) {
    return circle.level === map.serving_level
      ? [circle] : below(circle.level + 1, circle.cluster_id).flatMap(leaves);
  }
  const row = (circle) => element(
    "li", {}, circle.name,
    likes.has(circle.cluster_id) ? text("tag liked", "liked") : "",
    ranks.has(circle.cluster_id) ? text("tag", `planned, place ${ranks.get(circle.cluster_id)}`) : "");
  const fields = map.circles.filter((c) => c.level === 0);
  const lists = map.serving_level
    ? fields.map((field) => element(
      "div", {}, element("h3", {}, field.name), element("ul", {}, ...leaves(field).map(row))))
    : [element("div", {}, element("ul", {}, ...fields.map(row)))];
  box.replaceChildren(...lists);
}
