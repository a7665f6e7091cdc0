import { z } from "zod";

/** The keys the configuration's schema knows at `path`, for the did-you-mean of a mistyped one. */
export function knownKeysAt(schema: z.ZodType, path: readonly PropertyKey[], raw: unknown): string[] {
  let schemas: readonly JsonSchema[] = [z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema];
  let value: unknown = raw;
  for (const key of path) {
    value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
    schemas = schemas.flatMap((one) => childrenAt(one, String(key)));
  }
  const type: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "type") : undefined;
  const matching = schemas.flatMap(alternatives).filter((one) => isOfType(one, type));
  return matching.flatMap((one) => Object.keys(one.properties ?? {}));
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
}

const alternatives = (schema: JsonSchema): JsonSchema[] =>
  [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((one) =>
    one === schema ? [schema] : alternatives(one),
  );

const childrenAt = (schema: JsonSchema, key: string): JsonSchema[] =>
  alternatives(schema).flatMap((one) => [one.properties?.[key], one.items].filter((child) => child !== undefined));

/** In a union told apart by `type`, only the member the user chose. */
function isOfType(schema: JsonSchema, type: unknown): boolean {
  const declared = schema.properties?.["type"]?.const;
  return declared === undefined || declared === type;
}
