// The release in service: what it holds, and what its gates said.
import { at, element, replace, text } from "./dom.js";
import { count, day, number } from "./words.js";

const figure = (value) => (value === null ? "none" : String(Number(value.toPrecision(4))));
const plainWords = (name) => name.replaceAll("_", " ");

function bounds(gate) {
  if (gate.minimum !== null && gate.maximum !== null) return `${figure(gate.minimum)} to ${figure(gate.maximum)}`;
  if (gate.minimum !== null) return `at least ${figure(gate.minimum)}`;
  return gate.maximum === null ? "there" : `at most ${figure(gate.maximum)}`;
}

function verdict(gate) {
  if (gate.passed) return text("verdict passed", "passed");
  return text("verdict failed", gate.severity === "warn" ? `warns: ${gate.reason}` : `failed: ${gate.reason}`);
}

function row(gate) {
  return element(
    "tr", {}, element("th", { scope: "row" }, plainWords(gate.metric), text("led", plainWords(gate.guard))),
    element("td", {}, figure(gate.figure)), element("td", {}, bounds(gate)), element("td", {}, verdict(gate)));
}

function facts(release) {
  const told = {
    Release: `${release.release_id.slice(0, 12)}, version ${release.version}`,
    "Built from": `what happened before ${day(release.data_until)}`,
    People: number(release.n_users),
    Items: number(release.n_items),
    Interests: number(release.n_clusters),
  };
  return Object.entries(told).map(([name, value]) => element(
    "div", {}, element("dt", {}, name), element("dd", {}, value)));
}

// `problem`: why a newer release is not served; empty where there is none.
export function drawRelease(release, gates, problem) {
  const passed = gates.filter((gate) => gate.passed).length;
  const warned = gates.filter((gate) => !gate.passed && gate.severity === "warn").length;
  const warns = warned ? `, ${warned} ${warned === 1 ? "warns" : "warn"}` : "";
  const told = `${passed} of ${count(gates.length, "gate")} passed${warns}`;
  const short = `Release ${release.release_id.slice(0, 12)}, ${told}`;
  replace("release-line", element("a", { href: "#release" }, short));
  replace("release-facts", ...facts(release));
  replace("gates-told", `${told}.`, problem ? text("problem", ` ${problem}`) : "");
  at("gates").replaceChildren(...[...gates].sort((a, b) => a.passed - b.passed).map(row));
}
