// The words in which answers are told to people.
export const ANSWERS = {
  full: "Planned from pairs of this person's interests.",
  single_cluster: "One interest so far: planned from that one alone.",
  chosen_interests: "Nothing liked yet: planned from interests chosen at sign-up.",
  no_plan: "No new interest is left to plan: the ordinary list.",
  no_history: "Nothing liked yet: popular items.",
  unknown_user: "The online store does not know this person: popular items.",
  store_unreachable: "The online store did not answer: a list made without it.",
};

export const DISTANCES = {
  adjacent: { name: "Next door", tag: "next door", told: "of a family they know" },
  new_family: { name: "A new family", tag: "a new family", told: "in a field they know" },
  new_field: { name: "A new field", tag: "a new field", told: "nothing of it so far" },
};

export const REASONS = {
  planned: "from the plan",
  pinned: "pinned",
  recommended: "after what they liked lately",
  popular: "many like it",
};

export const CHOICES = { pin: "Pin", less: "Less", hide: "Hide" };
export const CHOSEN = { pinned: "pinned", less: "less of it", hidden: "hidden", chosen: "chosen at sign-up" };

const formatted = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });
const timed = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });

export const number = (value) => value.toLocaleString("en");
export const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
export const percent = (share) => `${Math.round(100 * share)}%`;
export const day = (time) => formatted.format(new Date(time));
export const moment = (time) => `${timed.format(new Date(time))} UTC`;
export const names = (clusters, join = " + ") => clusters.map((cluster) => cluster.name).join(join);
export const sentence = (parts) => (
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`);
