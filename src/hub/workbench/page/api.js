/** The hub said no, or did not answer; `message` is its sentence. */
export class Refused extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

let csrfToken = null;
let onSignedOut = () => undefined;

/** `signedOut` is called when the hub no longer knows this session. */
export function wireApi({ signedOut }) {
  onSignedOut = signedOut;
}

async function call(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (csrfToken !== null && method !== "GET") headers["x-csrf-token"] = csrfToken;
  let response;
  try {
    response = await fetch(`api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Refused("The hub does not answer. Check the network, then try again.", 0, "NO_ANSWER");
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const { message, code } = answer.error ?? {};
  const refused = new Refused(message ?? `The hub answered with status ${response.status}.`, response.status, code);
  if (response.status === 401 && path !== "session") onSignedOut();
  throw refused;
}

const queryOf = (parameters) => {
  const pairs = Object.entries(parameters)
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]);
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
};

export const get = (path, parameters = {}) => call("GET", `${path}${queryOf(parameters)}`);
export const post = (path, body = {}) => call("POST", path, body);
export const put = (path, body = {}) => call("PUT", path, body);
export const patch = (path, body = {}) => call("PATCH", path, body);
export const remove = (path, parameters = {}) => call("DELETE", `${path}${queryOf(parameters)}`);

/** The session, or null when nobody is signed in. */
export async function readSession() {
  try {
    const session = await get("session");
    csrfToken = session.csrfToken;
    return session;
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

export async function signIn(name, password) {
  await post("session", { name, password });
  return readSession();
}

/** Replaces a password that was good for one sign-in. */
export async function choosePassword(current, next) {
  await put("session/password", { current, next });
  return readSession();
}

/** Where a sign-in through the organisation begins; null: there is none. */
export const openIdStart = () =>
  get("session/methods")
    .then(({ openId }) => openId)
    .catch(() => null);

export async function signOut() {
  await remove("session");
  csrfToken = null;
}

export const imageUrl = (id, thumbnail = false) =>
  `api/v1/cases/${encodeURIComponent(id)}/image${thumbnail ? "?thumbnail=1" : ""}`;

export const casePath = (id, rest = "") => `cases/${encodeURIComponent(id)}${rest}`;
