// Puts the page together: one person at a time, and what one does to their interests.
import { at, element, replace } from "./dom.js";
import { drawLists, tellLists } from "./lists.js";
import { mapOn, tellMap } from "./map.js";
import { look } from "./person.js";
import { drawAll, drawChosen, drawPlan, tellChange } from "./plan.js";
import { drawRelease } from "./release.js";
import { exampleChips, searchItems, suggestPeople } from "./search.js";
import * as service from "./service.js";
import { drawTimeline } from "./timeline.js";
import { ANSWERS, count, day, percent, sentence } from "./words.js";

const asking = at("ask").elements;
const dials = at("dials").elements;
const picture = mapOn(at("map"));
let world = null;   // the release in service and its map
let seen = null;    // the person on the page
let seed = null;    // of the draw on the page
let share = null;   // null: as the person or the service has it
let asked = 0;      // only the answer to the newest question is shown

function say(words, isProblem = false) {
  at("state").className = isProblem ? "problem" : "";
  at("state").textContent = words;
}

function explain(error) {
  if (error.status === 401) at("key-field").hidden = false;
  say(error.message, true);
}

async function loadWorld() {
  const [release, { gates }, map, ready] = await Promise.all([
    service.release(), service.gates(), service.clusterMap(), service.readiness().catch((error) => (
      { problem: error.message }))]);
  world = { release, map };
  picture.load(map);
  drawRelease(release, gates, ready.problem);
}

// The plan looks at the newest interests of a history; the page tells older ones too.
function likedOf({ answer }, past) {
  const known = new Map([...answer.history, ...past.liked].map((cluster) => [cluster.cluster_id, cluster]));
  return [...known.values()];
}

function drawWho({ answer, profile }, liked) {
  at("who-title").textContent = answer.user_id;
  document.title = `${answer.user_id}: Interest explorer`;
  const lately = sentence(liked.slice(0, 2).map((cluster) => cluster.name));
  const tried = profile && profile.consumed.length > liked.length ? `, of ${profile.consumed.length} tried` : "";
  replace("who", ...(liked.length
    ? [`Likes ${count(liked.length, "interest")}${tried}: lately `, element("strong", {}, lately), "."]
    : ["Of this person no interest is known yet."]));
  for (const chip of at("examples").querySelectorAll("button")) {
    chip.setAttribute("aria-pressed", String(chip.dataset.user === answer.user_id));
  }
}

function tellPast(past) {
  const until = day(world.release.data_until);
  const fresh = past.fresh ? ` ${count(past.fresh, "item")} since the release was built (${until}), circled.` : "";
  return past.items
    ? `The newest ${count(past.items, "item")}, oldest at the left; a line for each interest, the latest first.`
      + ` Filled: liked. Hollow: not liked.${fresh}`
    : "Nothing that this person did is known.";
}

function draw(before) {
  const { answer, plain, told, profile } = seen;
  const past = drawTimeline(at("timeline"), profile, world.release.data_until);
  const liked = likedOf(seen, past);
  drawWho(seen, liked);
  at("past-told").textContent = tellPast(past);
  at("changed").textContent = before ? tellChange(before.answer.planned, answer.planned) : "";
  at("done").textContent = "";
  drawPlan(at("planned"), answer.planned, { choose: told && choose, light: picture.light });
  picture.mark({ liked, planned: answer.planned, tried: profile ? profile.consumed : [] });
  at("map-told").textContent = tellMap(liked, answer.planned);
  drawAll(at("all"), world.map, liked, answer.planned);
  at("chosen-part").hidden = !told || drawChosen(at("chosen"), told, choose) === 0;
  drawLists(at("items"), at("plain"), answer, plain, told && like);
  at("lists-told").textContent = tellLists(answer, plain);
  at("event").hidden = !told;
  at("keep").hidden = !told;
  at("unkeep").hidden = !told || told.exploration_share === null;
  dials.share.value = answer.exploration_share;
  showShare();
}

// Shows a person; `before`, what was on the page, where something was done to them meanwhile.
async function show(user, before = null) {
  const own = ++asked;
  const wanted = { count: dials.count.value, novelty: at("reach").elements.novelty.value, seed, share };
  try {
    const found = await look(user, wanted);
    if (own !== asked) return false;
    if (!world || world.release.release_id !== found.answer.release_id) await loadWorld();
    seen = found;
    seed = found.answer.seed;
    draw(before);
    say(ANSWERS[found.answer.answered_by]);
    history.replaceState(null, "", `?${new URLSearchParams({ user })}`);
    return true;
  } catch (error) {
    if (own === asked) explain(error);
    return false;
  }
}

const again = () => (seen ? show(seen.answer.user_id) : null);

function pick(user) {
  asking.user.value = user;
  [seed, share] = [null, null];
  emptySearch();
  return show(user);
}

// What was pressed is drawn anew, or gone: who works by keyboard goes on there, or at the change.
function keepFocus(label) {
  if (document.activeElement !== document.body) return;
  const same = [...document.querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === label);
  (same || at("changed")).focus({ preventScroll: true });
}

// Does something to the person and shows what came of it.
async function act(deed, words) {
  const before = seen;
  const label = document.activeElement.getAttribute("aria-label");
  try {
    await deed(seen.answer.user_id);
    if (!await show(seen.answer.user_id, before)) return;
    say(words);
    at("done").textContent = `${words} ${at("changed").textContent}`;  // wherever one has scrolled to
    keepFocus(label);
  } catch (error) {
    explain(error);
  }
}

function like(item) {
  emptySearch();
  return act((user) => service.like(user, item.item_id), `Liked: ${item.title}.`);
}

function choose(cluster, choice, word) {
  const changes = [{ cluster_id: cluster.cluster_id, choice }];
  return act((user) => service.change(user, { changes }), `${word}: ${cluster.name}.`);
}

function keepShare(value, words) {
  share = null;
  return act((user) => service.change(user, { exploration_share: value }), words);
}

function showShare() {
  at("share-shown").textContent = percent(dials.share.value);
}

const emptySearch = searchItems(at("event").elements.words, like, explain);
suggestPeople(asking.user, explain);

async function start() {
  try {
    await loadWorld();
    const examples = world.release.example_users;
    const first = new URLSearchParams(location.search).get("user") || examples[0];
    if (examples.length) at("examples").replaceChildren(...await exampleChips(examples, pick));
    if (first) await pick(first);
  } catch (error) {
    explain(error);
  }
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const user = asking.user.value.trim();
  if (asking.key.value) {
    service.rememberKey(asking.key.value);
    asking.key.value = "";
    at("key-field").hidden = true;
    if (!world) return start();
  }
  return user ? pick(user) : say("Name a person, or take one of those below.", true);
});
for (const form of ["event", "reach", "dials"]) {
  at(form).addEventListener("submit", (event) => event.preventDefault());
}
at("reach").addEventListener("change", again);
at("again").addEventListener("click", () => { seed = null; return again(); });
at("keep").addEventListener("click", () => {
  const value = Number(dials.share.value);
  return keepShare(value, `Their lists explore ${percent(value)} from now on.`);
});
at("unkeep").addEventListener("click", () => keepShare(null, "Their lists explore as the service is set."));
dials.count.addEventListener("change", again);
dials.share.addEventListener("input", showShare);
dials.share.addEventListener("change", () => { share = Number(dials.share.value); return again(); });
start();
