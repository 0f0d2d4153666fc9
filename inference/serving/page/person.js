// All that the page shows of one person, asked for together.
import * as service from "./service.js";

const WITHOUT_PAST = ["unknown_user", "store_unreachable", "chosen_interests"];

// A service without an event log has no such route: nothing can be chosen there.
async function choicesOf(user) {
  try {
    return await service.interests(user);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

// `wanted`: count, novelty, and seed and share where they are not null.
export async function look(user, wanted) {
  const query = { count: wanted.count, shown_to: "nobody" };
  if (wanted.novelty) query.novelty = wanted.novelty;
  if (wanted.seed !== null) query.seed = wanted.seed;
  const explored = wanted.share === null ? query : { ...query, exploration_share: wanted.share };
  const answer = await service.recommendations(user, explored);
  const isAway = answer.answered_by === "store_unreachable";
  const [plain, told, profile] = await Promise.all([
    service.recommendations(user, { ...query, seed: answer.seed, exploration_share: 0 }),
    isAway ? null : choicesOf(user),
    WITHOUT_PAST.includes(answer.answered_by) ? null : service.profile(user),
  ]);
  const releases = [answer, plain, told, profile].filter(Boolean).map((one) => one.release_id);
  // another release was promoted between two of the questions
  return new Set(releases).size > 1 ? look(user, wanted) : { answer, plain, told, profile };
}
