/* The desk's calls: the JSON ones with the CSRF token, and the page itself as HTML. */

import { call, Unreachable } from "../wire/api.js";

const csrf = () => document.querySelector('meta[name="csrf-token"]').content;

const path = (conversation, action) => `/desk/api/conversations/${encodeURIComponent(conversation)}/${action}`;

/** claim, messages, notes, give-back, resolve, snooze, suggest, summary, typing. Raises Refused or Unreachable. */
export const act = (conversation, action, body = {}) => call("POST", path(conversation, action), { body, headers: { "X-CSRF-Token": csrf() } });

/** Who waits for anybody, and who for `agent`: {waiting, mine}. */
export async function counts(agent) {
  const { conversations } = await call("GET", "/desk/api/queue?status=open");
  return {
    waiting: conversations.filter((each) => !each.assignee).length,
    mine: conversations.filter((each) => String(each.assignee?.id) === agent).length,
  };
}

/** The page at `address` as a document; null if it is gone; the login page replaces this one if the session ended. */
export async function page(address) {
  let response;
  try {
    response = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-store" });
  } catch (error) {
    throw new Unreachable(`${address}: ${error.message}`);
  }
  if (response.redirected && new URL(response.url).pathname === "/desk/login") location.assign("/desk/login");
  if (response.status === 404) return null;
  if (!response.ok) throw new Unreachable(`${address} answered ${response.status}`);
  return new DOMParser().parseFromString(await response.text(), "text/html");
}
