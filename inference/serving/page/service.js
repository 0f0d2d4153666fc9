// What the page asks of the service. A key, where one is needed, stays in this tab.
const KEY = "api-key";
const JSON_BODY = { "content-type": "application/json" };

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export function rememberKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
}

async function ask(path, options = {}) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) };
  const response = await fetch(path, { ...options, headers });
  const content = await response.json();
  if (!response.ok) {
    throw new Refused(response.status, content.detail || content.problem || response.statusText);
  }
  return content;
}

const of = (user, what) => `v1/users/${encodeURIComponent(user)}/${what}`;
const query = (fields) => new URLSearchParams(fields);

export const release = () => ask("v1/release");
export const gates = () => ask("v1/release/gates");
export const readiness = () => ask("readyz");
export const clusterMap = () => ask("v1/clusters/map");
export const findItems = (words) => ask(`v1/items?${query({ words })}`);
export const findUsers = (begins) => ask(`v1/users?${query({ begins })}`);
export const profile = (user) => ask(of(user, "profile"));
export const interests = (user) => ask(of(user, "interests"));
export const recommendations = (user, fields) => ask(`${of(user, "recommendations")}?${query(fields)}`);

export function recommendToSeveral(users, fields) {
  const body = JSON.stringify({ users });
  return ask(`v1/recommendations/batch?${query(fields)}`, { method: "POST", headers: JSON_BODY, body });
}

export function change(user, changes) {
  const body = JSON.stringify(changes);
  return ask(of(user, "interests"), { method: "PATCH", headers: JSON_BODY, body });
}

export function like(user, item) {
  const body = JSON.stringify({
    event_id: `page-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`,
    user_id: user,
    item_id: item,
    timestamp: new Date().toISOString(),
  });
  return ask("v1/events", { method: "POST", headers: JSON_BODY, body });
}
