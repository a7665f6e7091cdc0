import { fastifyStatic } from "@fastify/static";
import { fastifySwagger } from "@fastify/swagger";
import { fastifySwaggerUi } from "@fastify/swagger-ui";
import { fastify } from "fastify";
import { fileURLToPath } from "node:url";
import { messageOf, SightlineError } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Service } from "../../platform/services.ts";
import { installActRoutes, type UploadLimits } from "./act-routes.ts";
import type { DeviceView } from "./device-view.ts";
import { installErrorReplies } from "../../http/error-reply.ts";
import { EventStream, type EventStreamLimits } from "./event-stream.ts";
import { installReadRoutes } from "./read-routes.ts";
import { DOCS_PREFIX } from "../../http/security-headers.ts";
import { installRequestGuard } from "./request-guard.ts";
import { documentedSchema, zodValidator, type Api, type ZodTypeProvider } from "../../http/zod-provider.ts";

export interface StatusServerOptions {
  /** Address to listen on; 127.0.0.1 unless the device is to be seen from elsewhere. */
  readonly host: string;
  /** 0 lets the system choose; `url` tells. */
  readonly port: number;
  /** Bearer token that POSTs need; null: none needed on loopback, POSTs refused on any other host. */
  readonly writeToken: string | null;
  /** Largest image `POST /api/v1/inspect` takes. */
  readonly uploadLimitBytes: number;
}

export const STATUS_SERVER_DEFAULTS: StatusServerOptions = {
  host: "127.0.0.1",
  port: 8080,
  writeToken: null,
  uploadLimitBytes: 32 * 1024 * 1024,
};

export interface StatusServerParts {
  readonly device: DeviceView;
  /** Shown in the API's documentation. */
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const MAX_CONCURRENT_UPLOADS = 8;
const JSON_LIMIT_BYTES = 64 * 1024;
const EVENT_LIMITS: EventStreamLimits = { maxClients: 200, stuckAfterMs: 10_000 };
const REQUEST_TIMEOUT_MS = 60_000;
const PAGE_FOLDER = fileURLToPath(new URL("./page/", import.meta.url));

const TAGS = [
  { name: "inspect", description: "Triggers and uploads: an image or a part in, exactly one verdict out" },
  { name: "verdicts", description: "A person's say about a verdict, kept in the audit trail" },
  { name: "recipe", description: "Changeover" },
  { name: "status", description: "What the status page shows" },
  { name: "drift", description: "What no longer looks as it did, and what an engineer does about it" },
  { name: "frames", description: "The newest frame, for people" },
  { name: "health", description: "For supervisors and monitoring" },
];

/** The status page and the HTTP interface of the device. */
export class StatusServer implements Service {
  readonly name = "status-server";
  readonly #options: StatusServerOptions;
  readonly #parts: StatusServerParts;
  readonly #events: EventStream;
  #api: Api | undefined;
  #url = "";

  constructor(parts: StatusServerParts, options: Partial<StatusServerOptions> = {}) {
    this.#parts = parts;
    this.#options = { ...STATUS_SERVER_DEFAULTS, ...options };
    this.#events = new EventStream(parts.device, EVENT_LIMITS, parts);
  }

  /** Address of the page once started, without a slash at the end. */
  get url(): string {
    return this.#url;
  }

  /** Throws CONFIG_INVALID when the address cannot be listened on. */
  async start(): Promise<void> {
    const { host, port } = this.#options;
    this.#api = await buildApi(this.#parts, this.#options, this.#events);
    this.#url = await this.#api.listen({ host, port }).catch((error: unknown) => {
      const detail = `http: port ${port} of ${host} cannot be used (${messageOf(error)}); choose another in the configuration`;
      throw new SightlineError("CONFIG_INVALID", detail, { cause: error });
    });
    this.#events.start();
    this.#parts.log.info(
      { url: this.#url, writes: this.#options.writeToken === null ? "no token" : "token" },
      "status page is up",
    );
  }

  async stop(): Promise<void> {
    this.#events.stop();
    await this.#api?.close();
  }
}

async function installDocs(api: Api, version: string): Promise<void> {
  await api.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Sightline device", description: "Frames in, verdicts out.", version },
      tags: TAGS,
      components: { securitySchemes: { writeToken: { type: "http", scheme: "bearer" } } },
    },
    transform: ({ schema, url }) => ({ schema: documentedSchema(schema), url }),
  });
  await api.register(fastifySwaggerUi, { routePrefix: DOCS_PREFIX, validatorUrl: false });
}

/** The whole interface, not yet listening. */
async function buildApi(parts: StatusServerParts, options: StatusServerOptions, events: EventStream): Promise<Api> {
  const uploads: UploadLimits = {
    uploadLimitBytes: options.uploadLimitBytes,
    maxConcurrentUploads: MAX_CONCURRENT_UPLOADS,
  };
  const api: Api = fastify({
    logger: false,
    bodyLimit: JSON_LIMIT_BYTES,
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { ignoreTrailingSlash: true },
  }).withTypeProvider<ZodTypeProvider>();
  api.removeContentTypeParser("text/plain");
  api.setValidatorCompiler(zodValidator);
  // Answers are built from typed values; a serializer that drops what its schema does not list would hide mistakes.
  api.setSerializerCompiler(() => (data) => JSON.stringify(data));
  installErrorReplies(api, parts.log);
  installRequestGuard(api, options);
  api.addHook("onSend", async (_request, reply) => {
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
  });
  await installDocs(api, parts.version);
  installReadRoutes(api, parts.device, events);
  installActRoutes(api, parts.device, uploads);
  await api.register(fastifyStatic, { root: PAGE_FOLDER, cacheControl: false });
  return api;
}
