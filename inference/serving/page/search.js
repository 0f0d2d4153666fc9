// Finds people by their id, and items by words of their titles, while one types.
import { at, button, element, text } from "./dom.js";
import * as service from "./service.js";
import { count } from "./words.js";

const PAUSE = 200;  // milliseconds without a key before anything is asked

// Calls `find` with what is typed, `show` with its answer; an answer that came too late is dropped.
function whileTyping(input, find, show, fail) {
  let waiting = null;
  let asked = 0;
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    const own = ++asked;
    waiting = setTimeout(async () => {
      try {
        const found = input.value.trim() ? await find(input.value.trim()) : null;
        if (own === asked) show(found);
      } catch (error) {
        if (own === asked) fail(error);
      }
    }, PAUSE);
  });
}

export function suggestPeople(input, fail) {
  const show = (found) => at("people").replaceChildren(
    ...(found ? found.users.map((user) => element("option", { value: user })) : []));
  whileTyping(input, service.findUsers, show, fail);
}

export function searchItems(input, like, fail) {
  const row = (item) => element(
    "li", {}, button("Like", `Like ${item.title}`, () => like(item)),
    text("title", item.title), text("led", item.cluster_name));
  const show = (found) => {
    at("found").replaceChildren(...(found ? found.items.map(row) : []));
    at("found-told").textContent = found ? count(found.items.length, "item") : "";
  };
  whileTyping(input, service.findItems, show, fail);
  return () => {
    input.value = "";
    show(null);
  };
}

// A few people to begin with, each with what they like.
export async function exampleChips(users, pick) {
  const { answers } = await service.recommendToSeveral(users, { count: 1, exploration_share: 0, shown_to: "nobody" });
  return answers.map((answer) => {
    const likes = answer.history.slice(0, 2).map((cluster) => cluster.name).join(", ") || "nothing yet";
    const made = button("", `${answer.user_id}, likes ${likes}`, () => pick(answer.user_id));
    made.append(text("who-id", answer.user_id), text("led", likes));
    made.dataset.user = answer.user_id;
    return element("li", {}, made);
  });
}
