import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { HttpRefusal } from "../../http/error-reply.ts";
import { securityHeaders } from "../../http/security-headers.ts";
import type { Api } from "../../http/zod-provider.ts";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;
export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

const hostnameOf = (host: string): string => host.replace(/:\d+$/, "");

/**
 * A page of another site must not act through an operator's browser. Browsers name the origin of every POST; programs
 * (curl, a PLC gateway) send none and pass.
 */
function refuseForeignOrigin(request: FastifyRequest): void {
  const { origin, host } = request.headers;
  const crossSite = request.headers["sec-fetch-site"] === "cross-site";
  const sameOrigin = origin === undefined || URL.parse(origin)?.host === host;
  if (crossSite || !sameOrigin) {
    throw new HttpRefusal(
      403,
      "FOREIGN_ORIGIN",
      "Requests that act come from this device's own page or from programs.",
    );
  }
}

/** A name an attacker's DNS points at 127.0.0.1 would make his page "same origin"; only loopback names are served. */
function refuseForeignHost(request: FastifyRequest): void {
  const host = request.headers.host ?? "";
  if (isLoopback(hostnameOf(host))) return;
  throw new HttpRefusal(
    421,
    "FOREIGN_HOST",
    "This device serves only localhost; set a host in its config to reach it by name.",
  );
}

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest();

function refuseWithoutToken(request: FastifyRequest, writeToken: string): void {
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (given !== undefined && timingSafeEqual(digestOf(given), digestOf(writeToken))) return;
  const sentence =
    given === undefined ? "This needs the device's write token as a bearer token." : "The write token is wrong.";
  throw new HttpRefusal(401, "TOKEN_REQUIRED", sentence);
}

export interface GuardOptions {
  readonly host: string;
  readonly writeToken: string | null;
}

/** Runs before a body is read: who may not act uploads nothing. */
export function installRequestGuard(api: Api, options: GuardOptions): void {
  const loopbackOnly = isLoopback(options.host);
  api.addHook("onRequest", async (request, reply) => {
    reply.headers(securityHeaders(request.url));
    if (loopbackOnly) refuseForeignHost(request);
    if (request.method === "GET" || request.method === "HEAD") return;
    refuseForeignOrigin(request);
    if (options.writeToken !== null) refuseWithoutToken(request, options.writeToken);
    else if (!loopbackOnly) {
      throw new HttpRefusal(
        403,
        "WRITES_DISABLED",
        "This device is open to the network without a write token, so it only shows; set one in its config.",
      );
    }
  });
}
