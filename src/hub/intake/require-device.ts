import type { FastifyRequest } from "fastify";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Api } from "../../http/zod-provider.ts";
import type { Clock } from "../../platform/clock.ts";
import { bearerOf } from "../people/identify-person.ts";
import type { Database } from "../store/database.ts";
import { deviceOf, type KnownDevice } from "./device-record.ts";

const identified = new WeakMap<FastifyRequest, KnownDevice>();
const LAST_SEEN_STEP_MS = 60_000;

/** The device that sent this request. Throws 401 where none showed its credential. */
export function requireDevice(request: FastifyRequest): KnownDevice {
  const device = identified.get(request);
  if (device !== undefined) return device;
  throw new HttpRefusal(
    401,
    "CREDENTIAL_NEEDED",
    "This needs the credential of an enrolled device as a bearer token; POST /api/v1/enrol gives one for a code.",
  );
}

/**
 * For the routes of `api`: only enrolled devices get through, before a body is read, so that others upload nothing. A
 * person's session or token opens none of them.
 */
export function installDeviceGuard(
  api: Api,
  { database, clock }: { readonly database: Database; readonly clock: Clock },
): void {
  const noted = new Map<string, number>();
  const noteSeen = async (id: string, at: number): Promise<void> => {
    if (at - (noted.get(id) ?? 0) < LAST_SEEN_STEP_MS) return;
    noted.set(id, at);
    await database.query.updateTable("devices").set({ last_seen_at: at }).where("id", "=", id).execute();
  };
  api.addHook("onRequest", async (request) => {
    const credential = bearerOf(request);
    if (credential === undefined) return void requireDevice(request);
    const device = await deviceOf(database, credential);
    if (device === "unknown") {
      throw new HttpRefusal(
        401,
        "CREDENTIAL_UNKNOWN",
        "This credential is of no enrolled device; enrol it with a code.",
      );
    }
    if (device === "revoked") {
      const sentence = "This device was revoked: its uploads are not accepted. Enrol it again with a new code.";
      throw new HttpRefusal(403, "DEVICE_REVOKED", sentence);
    }
    identified.set(request, device);
    await noteSeen(device.id, clock.wallNow());
  });
}
