import * as service from "./service.js";

const ANSWERS = {
  full: "Planned from pairs of this person's interests.",
  single_cluster: "One interest so far: planned from that one alone.",
  chosen_interests: "Nothing liked yet: planned from interests chosen at sign-up.",
  no_plan: "No new interest is left to plan: the ordinary list.",
  no_history: "Nothing liked yet: popular items.",
  unknown_user: "The online store does not know this person: popular items.",
  store_unreachable: "The online store did not answer: a list made without it.",
};
const DISTANCES = {
  adjacent: "next door",
  new_family: "a new family",
  new_field: "a new field",
};
const at = (id) => document.getElementById(id);
const form = at("ask").elements;
const words = (clusters) => clusters.map((c) => c.name).join(" + ");
let seed = null;
let asked = 0;  // only the answer to the newest question is shown

function element(tag, text, className) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

function fill(id, entries) {
  at(id).replaceChildren(...(entries.length ? entries : [element("li", "none", "dim")]));
}

const CHOICES = { pin: "Pin", less: "Less", hide: "Hide" };
const CHOSEN = { pinned: "pinned", less: "less of it", hidden: "hidden", chosen: "chosen at sign-up" };

function choiceButton(cluster, choice, text) {
  const button = element("button", text);
  button.type = "button";
  button.setAttribute("aria-label", `${text} ${cluster.name}`);
  button.onclick = () => choose(cluster, choice, text);
  return button;
}

function chosen(told) {
  return Object.entries(CHOSEN).flatMap(([kind, word]) => told[kind].map((cluster) => {
    const row = element("li", "");
    row.append(
      choiceButton(cluster, "none", "Undo"), element("span", cluster.name, "title"),
      element("span", word, "tag"));
    return row;
  }));
}

function planned(entry) {
  const row = element("li", "");
  row.append(
    ...Object.entries(CHOICES).map(([choice, text]) => choiceButton(entry, choice, text)),
    element("span", entry.name, "title"));
  if (entry.is_pinned) row.append(element("span", "pinned", "tag"));
  if (entry.distance) row.append(element("span", DISTANCES[entry.distance], "tag"));
  if (entry.led_by.length) row.append(element("span", `from ${words(entry.led_by)}`, "led"));
  return row;
}

function item(entry, others) {
  const differs = entry.from_list === "exploratory" || !others.has(entry.item_id);
  const row = element("li", "", differs ? "differs" : "");
  const button = element("button", "Like");
  button.type = "button";
  button.setAttribute("aria-label", `Like ${entry.title}`);
  button.onclick = () => like(entry);
  row.append(button, element("span", entry.title, "title"));
  if (entry.is_novel) row.append(element("span", DISTANCES[entry.distance] || "new", "tag"));
  const why = entry.led_by.length ? ` — because of ${words(entry.led_by)}` : "";
  row.append(element("span", entry.cluster.name + why, "led"));
  return row;
}

function say(text, isProblem = false) {
  at("state").className = isProblem ? "problem" : "dim";
  at("state").textContent = text;
}

function explain(error) {
  if (error.status === 401) at("key-field").hidden = false;
  say(error.message, true);
}

async function show() {
  const user = form.user.value;
  const own = ++asked;
  const query = { count: form.count.value };
  if (seed !== null) query.seed = seed;
  try {
    const answer = await service.recommendations(user, { ...query, exploration_share: form.share.value });
    const plain = await service.recommendations(
      user, { ...query, seed: answer.seed, exploration_share: 0 });
    const told = await service.interests(user);
    if (own !== asked) return;
    seed = answer.seed;
    fill("chosen", chosen(told));
    fill("history", answer.history.map((c) => element("li", c.name)));
    fill("planned", answer.planned.map(planned));
    const ids = (list) => new Set(list.items.map((entry) => entry.item_id));
    fill("items", answer.items.map((entry) => item(entry, ids(plain))));
    fill("plain", plain.items.map((entry) => item(entry, ids(answer))));
    say(`${ANSWERS[answer.answered_by]} Release ${answer.release_id.slice(0, 12)}.`);
    history.replaceState(null, "", `?${new URLSearchParams({ user })}`);
  } catch (error) {
    if (own !== asked) return;
    for (const id of ["history", "planned", "chosen", "items", "plain"]) fill(id, []);
    explain(error);
  }
}

async function like(entry) {
  try {
    await service.like(form.user.value, entry.item_id);
    await show();
    say(`Liked: ${entry.title}. Interests and plan are those after it.`);
  } catch (error) {
    explain(error);
  }
}

async function choose(cluster, choice, text) {
  try {
    await service.choose(form.user.value, cluster.cluster_id, choice);
    await show();
    say(`${text}: ${cluster.name}. Plan and lists are those after it.`);
  } catch (error) {
    explain(error);
  }
}

function showShare() {
  at("share-shown").textContent = `${Math.round(100 * form.share.value)}%`;
}

function pick(user) {
  form.user.value = user;
  seed = null;
  return show();
}

async function start() {
  const wanted = new URLSearchParams(location.search).get("user");
  try {
    const release = await service.release();
    at("release").replaceChildren(
      `${release.n_users.toLocaleString("en")} people, ${release.n_items.toLocaleString("en")} items, `
      + `${release.n_clusters} interest clusters. Release `,
      element("code", `${release.release_id.slice(0, 12)}, version ${release.version}`));
    const buttons = release.example_users.map((user) => {
      const button = element("button", user);
      button.type = "button";
      button.onclick = () => pick(user);
      return button;
    });
    at("examples").replaceChildren("For example: ", ...buttons);
    const first = wanted || release.example_users[0];
    if (first) await pick(first);
  } catch (error) {
    explain(error);
  }
}

at("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (form.key.value) {
    service.rememberKey(form.key.value);
    form.key.value = "";
    at("key-field").hidden = true;
    if (!form.user.value) { await start(); return; }
  }
  await show();
});
at("again").addEventListener("click", () => { seed = null; show(); });
form.share.addEventListener("input", showShare);
form.share.addEventListener("change", show);
start();
