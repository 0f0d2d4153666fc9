// The lists with and without exploration, side by side, with what differs marked.
import { button, element, text } from "./dom.js";
import { count, DISTANCES, names, percent, REASONS } from "./words.js";

const idsOf = (list) => new Set(list.items.map((entry) => entry.item_id));

function item(entry, others, like) {
  const isPlanned = entry.from_list === "exploratory";
  const differs = isPlanned || !others.has(entry.item_id);
  const kind = [differs ? "differs" : "", isPlanned ? entry.distance || "pinned" : ""].join(" ").trim();
  const row = element("li", { class: kind });
  if (like) row.append(button("Like", `Like ${entry.title}`, () => like(entry)));
  row.append(text("title", entry.title));
  if (entry.is_novel) row.append(text("tag", entry.distance ? DISTANCES[entry.distance].tag : "new"));
  const why = isPlanned && entry.led_by.length ? `because of ${names(entry.led_by)}` : REASONS[entry.reason];
  row.append(text("led", `${entry.cluster.name}, ${why}`));
  return row;
}

export function drawLists(withPlan, without, answer, plain, like) {
  const draw = (list, shown, other) => list.replaceChildren(
    ...shown.items.map((entry) => item(entry, idsOf(other), like)));
  draw(withPlan, answer, plain);
  draw(without, plain, answer);
}

export function tellLists(answer, plain) {
  const explored = answer.items.filter((entry) => entry.from_list === "exploratory").length;
  const novel = (list) => list.items.filter((entry) => entry.is_novel).length;
  return `${explored} of ${count(answer.items.length, "item")} from the plan `
    + `(${percent(answer.exploration_share)} of the places explore). Of interests new to this person: `
    + `${novel(answer)} with exploration, ${novel(plain)} without. What stands in one list only is marked.`;
}
