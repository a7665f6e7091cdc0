import type { IncomingHttpHeaders } from "node:http";
import { z } from "zod";

export interface HubReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** What an answer means to whoever asked. `sentence` is shown to people as it stands. */
export type HubAnswer<T> =
  | { readonly kind: "ok"; readonly value: T }
  /** No hub there, or not now: everybody waits. */
  | { readonly kind: "away"; readonly sentence: string; readonly retryAfterMs: number | null }
  /** Too much of this kind of thing today, or this minute; of other things it may take more. */
  | { readonly kind: "limited"; readonly sentence: string; readonly retryAfterMs: number | null }
  /** The credential is not, or no longer, good: everybody waits for a person. */
  | { readonly kind: "unauthorised"; readonly sentence: string }
  /** This request is declined; another may be taken. */
  | { readonly kind: "refused"; readonly status: number; readonly sentence: string };

const ErrorText = z.object({ error: z.object({ code: z.string().optional(), message: z.string() }) });
const REVOKED = "DEVICE_REVOKED";
const MOST_SENTENCE = 300;
/** A hub that asks for more patience is asked again after a day. */
const LONGEST_RETRY_AFTER_MS = 86_400_000;

/** Reads a JSON answer; one that does not fit `schema` comes from something that is no hub, a portal or a proxy. */
export function readAnswer<T>(reply: HubReply, schema: z.ZodType<T>, nowMs: number): HubAnswer<T> {
  const trouble = troubleOf(reply, nowMs);
  if (trouble !== null) return trouble;
  const value = parseTolerantly(schema, parseJson(reply.text));
  if (value !== undefined) return { kind: "ok", value };
  const sentence = "something answers there, but not as a hub does (a proxy, or a newer version)";
  return { kind: "away", sentence, retryAfterMs: null };
}

/** Null for success (2xx). */
export function troubleOf(reply: HubReply, nowMs: number): Exclude<HubAnswer<never>, { kind: "ok" }> | null {
  const { status } = reply;
  if (status >= 200 && status < 300) return null;
  const sentence = sentenceOf(reply);
  if (status === 401 || codeOf(reply) === REVOKED) return { kind: "unauthorised", sentence };
  const retryAfter = retryAfterMs(reply.headers["retry-after"], nowMs);
  if (status === 429) return { kind: "limited", sentence, retryAfterMs: retryAfter };
  if (status === 408 || status >= 500 || status < 400) return { kind: "away", sentence, retryAfterMs: retryAfter };
  return { kind: "refused", status, sentence };
}

/** Seconds or a date (RFC 9110, 10.2.3). */
export function retryAfterMs(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, ms)) : null;
}

/** A newer hub may say more than is known here: keys of which nothing is known are left out. */
function parseTolerantly<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  const first = schema.safeParse(value);
  if (first.success) return first.data;
  for (const issue of first.error.issues) {
    if (issue.code !== "unrecognized_keys") return undefined;
    const holder = issue.path.reduce<unknown>(
      (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
      value,
    );
    if (typeof holder !== "object" || holder === null) return undefined;
    for (const key of issue.keys) Reflect.deleteProperty(holder, key);
  }
  return schema.safeParse(value).data;
}

function sentenceOf({ status, text }: HubReply): string {
  const said = ErrorText.safeParse(parseJson(text));
  return said.success
    ? `${said.data.error.message.slice(0, MOST_SENTENCE)} (${status})`
    : `it answers with status ${status}`;
}

const codeOf = ({ text }: HubReply): string | undefined => ErrorText.safeParse(parseJson(text)).data?.error.code;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
