import { dirname, resolve } from "node:path";
import { z } from "zod";
import { parseYaml, readConfigFile } from "../config/read-config.ts";
import { absoluteSecret, Secret } from "../config/secret.ts";
import { ROLES } from "./people/roles.ts";

const Port = z.int().min(0).max(65_535);

export const HttpConfig = z
  .strictObject({
    host: z
      .string()
      .default("127.0.0.1")
      .describe("127.0.0.1: behind a proxy on this machine, which has the certificate"),
    port: Port.default(8090).describe("0: any free one"),
    publicUrl: z
      .url()
      .regex(/^https?:\/\/[^/]+$/, "https://HOST or https://HOST:PORT, without a path")
      .optional()
      .describe(
        "where people reach the hub; needed for OpenID Connect. With https:// cookies are sent over HTTPS only",
      ),
    trustProxy: z
      .union([z.boolean(), z.array(z.string())])
      .default(false)
      .describe("true, or the addresses of the proxies, whose X-Forwarded-For is believed"),
  })
  .describe("where the hub listens");

export const DatabaseConfig = z.discriminatedUnion("engine", [
  z.strictObject({
    engine: z.literal("sqlite"),
    path: z.string().min(1).default("hub.sqlite").describe("relative to dataDirectory"),
  }),
  z.strictObject({
    engine: z.literal("postgres"),
    url: z
      .string()
      .regex(/^postgres(ql)?:\/\/([^:@/\s]+@)?[^@/\s]+\/\S+$/, "postgres://USER@HOST:PORT/DATABASE, without a password")
      .describe("the password has a key of its own"),
    password: Secret.optional(),
    connections: z.int().min(2).max(200).default(10),
  }),
]);

export const ImagesConfig = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("folder"),
    path: z.string().min(1).default("images").describe("relative to dataDirectory"),
  }),
  z.strictObject({
    type: z.literal("s3"),
    bucket: z.string().min(3).max(63),
    prefix: z.string().max(256).default("").describe("before the name of every object"),
    region: z.string().min(1).default("us-east-1"),
    endpoint: z.url().optional().describe("of a store other than Amazon's"),
    credentials: z
      .strictObject({ accessKeyId: Secret, secretAccessKey: Secret })
      .optional()
      .describe("absent: the machine's role, or the environment, as the S3 client looks for them"),
  }),
]);

export const LimitsConfig = z.strictObject({
  imageBytes: z.int().min(1024).max(512_000_000).default(16_000_000).describe("largest image that is taken"),
  imagePixels: z.int().min(1).max(100_000_000).default(64_000_000).describe("width times height of the largest image"),
  dailyCases: z.int().min(0).default(20_000).describe("of a device that enrols; each device's own can be changed"),
  dailyBytes: z.int().min(0).default(10_000_000_000).describe("of a device that enrols"),
  signInsPerMinute: z.int().min(1).default(10).describe("from one address"),
  enrolmentsPerMinute: z.int().min(1).default(10).describe("from one address"),
});

export const OpenIdConfig = z.strictObject({
  issuer: z.url().describe("https://…; its /.well-known/openid-configuration says the rest"),
  clientId: z.string().min(1),
  clientSecret: Secret,
  scope: z.string().default("openid profile email"),
  roleClaim: z.string().min(1).default("groups").describe("claim of the ID token with the person's groups or roles"),
  roles: z.partialRecord(z.enum(ROLES), z.array(z.string())).default({}).describe("groups that give a role"),
  defaultRole: z.enum(ROLES).nullable().default(null).describe("for everybody else; null: may not sign in"),
});

export const TrainingConfig = z
  .strictObject({
    workers: z.int().min(0).max(16).default(1).describe("trainings at a time in this process; 0: only other workers"),
    directory: z.string().min(1).default("training").describe("of runs under way, relative to dataDirectory"),
    bases: z
      .string()
      .min(1)
      .optional()
      .describe("folder of bundles and ONNX files that a training may start from, relative to this file"),
    leaseSeconds: z
      .number()
      .min(2)
      .max(3600)
      .default(60)
      .describe("silence after which another worker takes a job over"),
    keepDays: z.number().min(0).default(7).describe("how long an ended run's folder stays, so that it can be resumed"),
  })
  .describe("retraining; see docs/retraining.md");

export const AnalysisConfig = z
  .strictObject({
    suspicionAfterSeconds: z
      .number()
      .min(1)
      .max(86_400)
      .default(60)
      .describe(
        "how long after a label the labels that are probably wrong are looked for anew, once for all until then",
      ),
  })
  .describe("what is computed from labelled cases");

export const ReleasesConfig = z.strictObject({
  directory: z.string().min(1).describe("the folder that sightline release keys made, relative to this file"),
  keys: z.string().min(1).describe("folder with the snapshot, timestamp and director keys only"),
  passphrase: Secret.optional(),
  everySeconds: z.number().min(1).max(86_400).default(30).describe("how often stages and signatures are looked at"),
});

/** The whole configuration of a hub: one YAML file. */
export const HubConfig = z
  .strictObject({
    dataDirectory: z.string().min(1).default("data/hub").describe("relative to this file"),
    log: z
      .strictObject({
        level: z.enum(["debug", "info", "warn", "error"]).default("info"),
        format: z.enum(["auto", "json", "pretty"]).default("auto"),
      })
      .prefault({}),
    http: HttpConfig.prefault({}),
    database: DatabaseConfig.prefault({ engine: "sqlite" }),
    images: ImagesConfig.prefault({ type: "folder" }),
    limits: LimitsConfig.prefault({}),
    analysis: AnalysisConfig.prefault({}),
    training: TrainingConfig.prefault({}),
    releases: ReleasesConfig.nullable().default(null),
    sessionHours: z.number().gt(0).max(168).default(12).describe("after which a person signs in again"),
    oidc: OpenIdConfig.nullable().default(null),
  })
  .superRefine(({ oidc, http }, context) => {
    if (oidc === null || http.publicUrl !== undefined) return;
    const message = "is needed for OpenID Connect: the provider sends people back to it";
    context.addIssue({ code: "custom", path: ["http", "publicUrl"], message });
  });
export type HubConfig = Readonly<z.infer<typeof HubConfig>>;

/**
 * Reads, validates and completes a hub's YAML file; paths in it become absolute.
 * Throws SightlineError CONFIG_INVALID with every mistake, its line and, for a mistyped key, the likely one.
 */
export const loadHubConfig = async (path: string): Promise<HubConfig> =>
  parseHubConfig(await readConfigFile(path), path);

export const parseHubConfig = (text: string, path: string): HubConfig =>
  Object.freeze(withAbsolutePaths(parseYaml(HubConfig, text, path), dirname(resolve(path))));

function withAbsolutePaths(config: HubConfig, base: string): HubConfig {
  const { database, images, oidc, training, releases } = config;
  const dataDirectory = resolve(base, config.dataDirectory);
  const secret = (one: Secret): Secret => absoluteSecret(one, (path) => resolve(base, path));
  const absoluteDatabase = (): HubConfig["database"] => {
    if (database.engine === "sqlite") return { ...database, path: resolve(dataDirectory, database.path) };
    return database.password === undefined ? database : { ...database, password: secret(database.password) };
  };
  const absoluteImages = (): HubConfig["images"] => {
    if (images.type === "folder") return { ...images, path: resolve(dataDirectory, images.path) };
    if (images.credentials === undefined) return images;
    const { accessKeyId, secretAccessKey } = images.credentials;
    const credentials = { accessKeyId: secret(accessKeyId), secretAccessKey: secret(secretAccessKey) };
    return { ...images, credentials };
  };
  const absoluteReleases = (one: NonNullable<HubConfig["releases"]>) => ({
    ...{ ...one, directory: resolve(base, one.directory), keys: resolve(base, one.keys) },
    ...(one.passphrase === undefined ? {} : { passphrase: secret(one.passphrase) }),
  });
  return {
    ...config,
    dataDirectory,
    training: {
      ...{ ...training, directory: resolve(dataDirectory, training.directory) },
      ...(training.bases === undefined ? {} : { bases: resolve(base, training.bases) }),
    },
    releases: releases === null ? null : absoluteReleases(releases),
    database: absoluteDatabase(),
    images: absoluteImages(),
    oidc: oidc === null ? null : { ...oidc, clientSecret: secret(oidc.clientSecret) },
  };
}
