import { texts } from "./texts.js";

const TOKEN_KEY = "sightline-write-token";

export class Refused extends Error {}

async function send(path, body) {
  const headers = { "content-type": "application/json" };
  const token = sessionStorage.getItem(TOKEN_KEY);
  if (token !== null) headers.authorization = `Bearer ${token}`;
  try {
    return await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  } catch {
    throw new Refused(texts.noAnswer);
  }
}

/**
 * Sends an order to the device. `askToken` asks the person for the write token and gives null when he declines.
 * Throws Refused with the device's own sentence.
 */
export async function order(path, body, askToken) {
  let response = await send(path, body);
  while (response.status === 401) {
    const token = await askToken();
    if (token === null) throw new Refused(texts.tokenTitle);
    sessionStorage.setItem(TOKEN_KEY, token);
    response = await send(path, body);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.error?.message ?? `HTTP ${response.status}`);
  return answer;
}

export async function read(path) {
  const response = await fetch(path);
  return response.ok ? response.json() : null;
}

/** The newest verdicts, and by how much this computer's clock is ahead of the device's. */
export async function readVerdicts(limit) {
  const response = await fetch(`api/v1/verdicts?limit=${limit}`);
  if (!response.ok) return null;
  const aheadMs = Date.now() - Date.parse(response.headers.get("date"));
  return { verdicts: (await response.json()).verdicts, aheadMs };
}

/**
 * Events of the device for as long as the page lives. `onLink(false)` at the first sign of trouble; a stream the
 * browser has given up is opened anew.
 */
export function listen({ onVerdict, onStatus, onLink }) {
  let source;
  const open = () => {
    source = new EventSource("api/v1/events");
    source.addEventListener("open", () => onLink(true));
    source.addEventListener("verdict", (event) => onVerdict(JSON.parse(event.data)));
    source.addEventListener("status", (event) => onStatus(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      onLink(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 2_000);
    });
  };
  open();
  return () => {
    source.close();
    open();
  };
}
