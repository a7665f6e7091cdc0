import { z } from "zod";
import type { Api } from "../http/zod-provider.ts";

export interface HealthParts {
  /** What keeps the hub from taking cases, in sentences; none: ready. */
  readonly problems: () => Promise<readonly string[]>;
  readonly metrics: () => Promise<string>;
}

const Liveness = z.strictObject({ ok: z.literal(true) });
const Readiness = z.strictObject({ ready: z.boolean(), reasons: z.array(z.string()) });
const TEXT_RESPONSE = {
  description: "Prometheus text format",
  content: { "text/plain": { schema: { type: "string" } } },
};

/** For supervisors, load balancers and monitoring; without sign-in, and without anything about cases or people. */
export function installHealthRoutes(api: Api, { problems, metrics }: HealthParts): void {
  const tags = ["health"];
  api.get("/healthz", { schema: { summary: "The process lives", tags, response: { 200: Liveness } } }, async () => ({
    ok: true,
  }));
  api.get(
    "/readyz",
    { schema: { summary: "Cases are taken", tags, response: { 200: Readiness, 503: Readiness } } },
    async (_request, reply) => {
      const reasons = await problems();
      return reply.code(reasons.length === 0 ? 200 : 503).send({ ready: reasons.length === 0, reasons });
    },
  );
  api.get(
    "/metrics",
    { schema: { summary: "Metrics", tags, response: { 200: TEXT_RESPONSE } } },
    async (_request, reply) => reply.type("text/plain; version=0.0.4; charset=utf-8").send(await metrics()),
  );
}
