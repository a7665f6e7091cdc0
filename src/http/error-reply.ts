import type { FastifyReply } from "fastify";
import { SightlineError, type ErrorCode } from "../contracts/errors.ts";
import type { Logger } from "../platform/logger.ts";
import { ErrorBody } from "./error-body.ts";
import type { Api } from "./zod-provider.ts";

/** A refusal with its HTTP status; `message` is a sentence for people. */
export class HttpRefusal extends Error {
  readonly statusCode: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(statusCode: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.statusCode = statusCode;
    this.code = code;
    this.headers = headers;
  }
}

const STATUS_OF: { readonly [C in ErrorCode]?: number } = {
  UNKNOWN_VERDICT: 404,
  UNKNOWN_RECIPE: 404,
  BUNDLE_INVALID: 409,
  GOLDEN_MISMATCH: 409,
  UNKNOWN_CASE: 404,
  UNKNOWN_TAG: 404,
  CASE_REFUSED: 409,
  UNKNOWN_MODEL: 404,
  RELEASE_INCOMPLETE: 409,
};

/** What the HTTP library itself refuses, in our words. */
const LIBRARY_REFUSALS: Readonly<Record<string, { readonly code: string; readonly sentence?: string }>> = {
  FST_ERR_VALIDATION: { code: "BAD_REQUEST" },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: "BAD_REQUEST", sentence: "The body is not valid JSON." },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: "BAD_REQUEST", sentence: "The body is empty; send a JSON object." },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { code: "BAD_REQUEST", sentence: "The body is not as long as announced." },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: "TOO_LARGE", sentence: "The body is larger than is accepted here." },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: "UNSUPPORTED_MEDIA_TYPE",
    sentence: "This content type is not accepted here; send JSON, or for an inspection an image.",
  },
};

interface Refusal {
  readonly statusCode: number;
  readonly code: string;
  readonly message: string;
}

interface ThrownFields {
  readonly statusCode?: number;
  readonly code?: string;
  readonly message?: string;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof SightlineError) {
    return { statusCode: STATUS_OF[error.code] ?? 503, code: error.code, message: error.message };
  }
  // Whatever was thrown, only these fields are read, and each may be absent.
  const fields: ThrownFields = typeof error === "object" && error !== null ? error : {};
  const statusCode = fields.statusCode ?? 500;
  if (error instanceof HttpRefusal) return { statusCode, code: error.code, message: error.message };
  if (statusCode >= 500) {
    return {
      statusCode: 500,
      code: "INTERNAL",
      message: "This request could not be answered; the log here says why.",
    };
  }
  const known = LIBRARY_REFUSALS[fields.code ?? ""];
  return {
    statusCode,
    code: known?.code ?? "BAD_REQUEST",
    message: known?.sentence ?? fields.message ?? "Bad request.",
  };
}

const bodyOf = ({ code, message }: Refusal): ErrorBody => ({ error: { code, message } });

/** Every failure leaves as `{error: {code, message}}`; what nobody expected is logged, not shown. */
export function installErrorReplies(api: Api, log: Logger): void {
  api.setErrorHandler(async (error, request, reply) => {
    const refusal = refusalOf(error);
    if (refusal.statusCode >= 500) log.error({ err: error, url: request.url }, "a request failed");
    if (error instanceof HttpRefusal) reply.headers(error.headers);
    return reply.code(refusal.statusCode).send(bodyOf(refusal));
  });
  api.setNotFoundHandler(async (request, reply: FastifyReply) => {
    const [path] = request.url.split("?");
    const message = `There is nothing at ${request.method} ${path}; /api/docs lists what there is.`;
    return reply.code(404).send(bodyOf({ statusCode: 404, code: "NOT_FOUND", message }));
  });
}
