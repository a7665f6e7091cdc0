import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifySchema,
  FastifySchemaCompiler,
  FastifyTypeProvider,
  RawServerDefault,
} from "fastify";
import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";

/** Gives handlers the type of the zod schema that validated the body, query or path. */
export interface ZodTypeProvider extends FastifyTypeProvider {
  readonly validator: this["schema"] extends z.ZodType ? z.output<this["schema"]> : unknown;
  readonly serializer: unknown;
}

export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

const PLACES: Readonly<Record<string, string>> = { body: "body", querystring: "query", params: "address" };

function sentenceOf(error: z.ZodError, place: string): string {
  const issues = error.issues.slice(0, 3).map((issue) => {
    const field = issue.path.length > 0 ? `"${issue.path.join(".")}": ` : "";
    return `${field}${issue.message}`;
  });
  return `In the request's ${place}: ${issues.join("; ")}.`;
}

/** One meaning of a schema everywhere: requests are parsed by zod itself, not by a translation of the schema. */
export const zodValidator: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart }) =>
  (data) => {
    const parsed = schema.safeParse(data);
    if (parsed.success) return { value: parsed.data };
    return { error: new Error(sentenceOf(parsed.error, PLACES[httpPart ?? "body"] ?? "body")) };
  };

/** JSON Schema (2020-12, as OpenAPI 3.1 wants it) of a zod schema. */
export function jsonSchemaOf(schema: z.ZodType, io: "input" | "output"): object {
  const { $schema: _dialect, ...jsonSchema } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return jsonSchema;
}

const MEANINGS: Readonly<Record<string, string>> = {
  200: "done",
  400: "the request is not valid",
  401: "who asks is not known here",
  403: "who asks may not do this",
  404: "not known here",
  409: "understood, and declined",
  413: "too large",
  415: "not a content type accepted here",
  422: "well-formed, but not what it says it is",
  429: "too much; retry-after says when again",
  503: "not now",
};

function documentedResponse(code: string, response: unknown): unknown {
  if (!(response instanceof z.ZodType)) return response;
  return {
    description: MEANINGS[code] ?? "",
    content: { "application/json": { schema: jsonSchemaOf(response, "output") } },
  };
}

/** The schema of a route with its zod schemas turned into JSON Schema, for the OpenAPI document. */
export function documentedSchema(schema: FastifySchema): FastifySchema {
  const documented: Record<string, unknown> = { ...schema };
  for (const place of ["body", "querystring", "params"] as const) {
    const part = schema[place];
    if (part instanceof z.ZodType) documented[place] = jsonSchemaOf(part, "input");
  }
  const responses = Object.entries(schema.response ?? {});
  if (responses.length > 0) {
    documented["response"] = Object.fromEntries(
      responses.map(([code, body]) => [code, documentedResponse(code, body)]),
    );
  }
  return documented;
}
