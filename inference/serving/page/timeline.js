// Interests over time: a line for each, a dot for each item, newest at the right.
import { element, text } from "./dom.js";
import { count, moment } from "./words.js";

const SHOWN = 8;  // lines; older interests open on demand

function lanesOf(items) {  // items are newest first
  const lanes = new Map();
  items.forEach((item, age) => {
    if (!item.cluster) return;
    const id = item.cluster.cluster_id;
    if (!lanes.has(id)) lanes.set(id, { cluster: item.cluster, items: [] });
    lanes.get(id).items.push({ ...item, age });
  });
  return [...lanes.values()];
}

function told(lane) {
  const liked = lane.items.filter((item) => item.is_liked);
  if (!liked.length) return "none liked";
  return `${count(liked.length, "liked", "liked")}, the newest “${liked[0].title}”`;
}

function dot(item, n, isNew) {
  const kind = [item.is_liked ? "liked" : "other", isNew ? "fresh" : ""].join(" ").trim();
  const when = item.acted_at ? `, ${moment(item.acted_at)}` : "";
  const made = element("i", { class: kind, title: `${item.title}${when}` });
  made.style.left = `${n > 1 ? (100 * (n - 1 - item.age)) / (n - 1) : 100}%`;
  return made;
}

function line(lane, n, isNew) {
  const dots = element("span", { class: "track", "aria-hidden": "true" });
  dots.append(...lane.items.map((item) => dot(item, n, isNew(item))));
  const name = text("title", lane.cluster.name);
  const words = told(lane);
  const about = element("span", { class: "led", title: words }, words);
  return element("li", { "data-cluster": lane.cluster.cluster_id }, name, dots, about);
}

// `profile` may be null: nothing is known. `until`: the release's data ends there. Returns how many
// items there are, how many of them since the release, and the interests liked, the latest first.
export function drawTimeline(list, profile, until) {
  const items = profile ? profile.recent_items : [];
  const isNew = (item) => Boolean(item.acted_at) && new Date(item.acted_at) >= new Date(until);
  const lanes = lanesOf(items);
  const lines = lanes.map((lane) => line(lane, items.length, isNew));
  list.replaceChildren(...lines.slice(0, SHOWN));
  if (lines.length > SHOWN) {
    const more = element("ol", {}, ...lines.slice(SHOWN));
    const summary = element("summary", {}, count(lines.length - SHOWN, "older interest"));
    list.append(element("li", { class: "older" }, element("details", {}, summary, more)));
  }
  const liked = lanes.filter((lane) => lane.items.some((item) => item.is_liked));
  return { items: items.length, fresh: items.filter(isNew).length, liked: liked.map((lane) => lane.cluster) };
}
