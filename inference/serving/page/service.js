// What the page asks of the service. A key, where one is needed, stays in this tab.
const KEY = "api-key";

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
  if (!response.ok) throw new Refused(response.status, content.detail || response.statusText);
  return content;
}

export const release = () => ask("v1/release");

export function recommendations(user, query) {
  return ask(`v1/users/${encodeURIComponent(user)}/recommendations?${new URLSearchParams(query)}`);
}

export const interests = (user) => ask(`v1/users/${encodeURIComponent(user)}/interests`);

export function choose(user, cluster, choice) {
  return ask(`v1/users/${encodeURIComponent(user)}/interests`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ changes: [{ cluster_id: cluster, choice }] }),
  });
}

export function like(user, item) {
  const event = {
    event_id: `page-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`,
    user_id: user,
    item_id: item,
    timestamp: new Date().toISOString(),
  };
  return ask("v1/events", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(event),
  });
}
