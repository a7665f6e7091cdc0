import type { ServerResponse } from "node:http";
import { fastifyCookie } from "@fastify/cookie";
import { fastifyRateLimit } from "@fastify/rate-limit";
import { fastifySwagger } from "@fastify/swagger";
import { fastifySwaggerUi } from "@fastify/swagger-ui";
import { fastify } from "fastify";
import { messageOf, SightlineError } from "../contracts/errors.ts";
import { HttpRefusal, installErrorReplies } from "../http/error-reply.ts";
import { DOCS_PREFIX, securityHeaders } from "../http/security-headers.ts";
import { documentedSchema, zodValidator, type Api, type ZodTypeProvider } from "../http/zod-provider.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/logger.ts";
import type { Service } from "../platform/services.ts";
import { installIdentification } from "./people/identify-person.ts";
import type { Database } from "./store/database.ts";
import { WORKBENCH_TAGS } from "./workbench/workbench-routes.ts";

export interface HubServerOptions {
  readonly host: string;
  /** 0 lets the system choose; `url` tells. */
  readonly port: number;
  readonly trustProxy: boolean | string[];
  /** People come through HTTPS: browsers are told to stay there. */
  readonly https: boolean;
}

export interface HubServerParts {
  readonly database: Database;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Every room's routes, in order. */
  readonly installRoutes: (api: Api) => void | Promise<void>;
  readonly onAnswer: (request: { method: string; route: string; status: number; seconds: number }) => void;
}

const JSON_LIMIT_BYTES = 256 * 1024;
/** A large image over a plant's slow line; headers have to be there within a minute. */
const REQUEST_TIMEOUT_MS = 300_000;
const LOOK_AGAIN_MS = 50;
/** A year: once seen over HTTPS, a browser does not try HTTP again. */
const STAY_ON_HTTPS = "max-age=31536000";

const OPENAPI_TAGS = [
  { name: "devices", description: "What devices send, with their own credential" },
  { name: "device administration", description: "Enrolment codes, limits, revocation" },
  { name: "people", description: "Sign-in, accounts, API tokens, audit log" },
  { name: "projects", description: "What is to be achieved" },
  ...WORKBENCH_TAGS,
  { name: "data sets", description: "Immutable versions of labelled cases, and the way out" },
  { name: "training", description: "Retraining as jobs" },
  { name: "models", description: "Candidates on frozen test sets, and against each other" },
  { name: "releases", description: "Candidates on their way to the line, and what devices run" },
  { name: "health", description: "For supervisors and monitoring" },
];

/** The HTTP interface of the hub. */
export class HubServer implements Service {
  readonly name = "hub-server";
  readonly #parts: HubServerParts;
  readonly #options: HubServerOptions;
  #api: Api | undefined;
  #url = "";
  /** Requests without their whole answer. */
  #underWay = 0;

  constructor(parts: HubServerParts, options: HubServerOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Address once started, without a slash at the end. */
  get url(): string {
    return this.#url;
  }

  /** Throws CONFIG_INVALID when the address cannot be listened on. */
  async start(): Promise<void> {
    const { host, port } = this.#options;
    this.#api = await buildApi(this.#parts, this.#options);
    this.#api.server.on("request", (_request, response: ServerResponse) => {
      this.#underWay++;
      response.once("close", () => this.#underWay--);
    });
    this.#url = await this.#api.listen({ host, port }).catch((error: unknown) => {
      const detail = `http: port ${port} of ${host} cannot be used (${messageOf(error)}); choose another in the configuration`;
      throw new SightlineError("CONFIG_INVALID", detail, { cause: error });
    });
  }

  /** Answers what is under way first; a connection over which nothing was asked does not hold it up. */
  async stop(): Promise<void> {
    const api = this.#api;
    if (api === undefined) return;
    let isClosed = false;
    const closing = api.close().finally(() => (isClosed = true));
    while (!isClosed) {
      // To Node only a connection that has had an answer is idle.
      if (this.#underWay === 0) api.server.closeAllConnections();
      await Promise.race([closing, this.#parts.clock.sleep(LOOK_AGAIN_MS)]);
    }
    await closing;
  }
}

function measure(api: Api, { onAnswer }: HubServerParts): void {
  api.addHook("onResponse", async (request, reply) => {
    onAnswer({
      method: request.method,
      route: request.routeOptions.url ?? "none",
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1000,
    });
  });
}

async function installDocs(api: Api, version: string): Promise<void> {
  await api.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Sightline hub", description: "Hard cases in, what to do next out.", version },
      tags: OPENAPI_TAGS,
      components: {
        securitySchemes: {
          session: { type: "apiKey", in: "cookie", name: "sightline_session" },
          bearer: { type: "http", scheme: "bearer", description: "a device's credential, or an API token" },
        },
      },
    },
    transform: ({ schema, url }) => ({ schema: documentedSchema(schema), url }),
  });
  await api.register(fastifySwaggerUi, { routePrefix: DOCS_PREFIX, validatorUrl: false });
}

/** The whole interface, not yet listening. */
async function buildApi(parts: HubServerParts, { trustProxy, https }: HubServerOptions): Promise<Api> {
  const api: Api = fastify({
    logger: false,
    bodyLimit: JSON_LIMIT_BYTES,
    forceCloseConnections: "idle",
    requestTimeout: REQUEST_TIMEOUT_MS,
    trustProxy,
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
  }).withTypeProvider<ZodTypeProvider>();
  api.removeContentTypeParser("text/plain");
  api.setValidatorCompiler(zodValidator);
  // Answers are built from typed values; a serializer that drops what its schema does not list would hide mistakes.
  api.setSerializerCompiler(() => (data) => JSON.stringify(data));
  installErrorReplies(api, parts.log);
  api.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders(request.url));
    if (https) reply.header("strict-transport-security", STAY_ON_HTTPS);
  });
  api.addHook("onSend", async (_request, reply) => {
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-store");
  });
  measure(api, parts);
  await api.register(fastifyCookie);
  await api.register(fastifyRateLimit, {
    global: false,
    errorResponseBuilder: (_request, { ttl }) =>
      new HttpRefusal(
        429,
        "TOO_MANY_REQUESTS",
        `Too many of these requests from this address; try again in ${Math.ceil(ttl / 1000)} seconds.`,
      ),
  });
  installIdentification(api, parts);
  await installDocs(api, parts.version);
  await parts.installRoutes(api);
  return api;
}
