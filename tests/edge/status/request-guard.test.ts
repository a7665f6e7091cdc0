import { get as httpGet } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorBody } from "../../../src/http/error-body.ts";
import { serveFakeDevice, type ServedDevice } from "./serve-fake-device.ts";

const JSON_TYPE = { "content-type": "application/json" };
let served: ServedDevice;

beforeEach(async () => {
  served = await serveFakeDevice();
});
afterEach(() => served.server.stop());

const post = (path: string, body: BodyInit | null, headers: Record<string, string>): Promise<Response> =>
  fetch(served.url + path, { method: "POST", body, headers });
const errorOf = async (response: Response): Promise<ErrorBody["error"]> => ErrorBody.parse(await response.json()).error;

describe("who may act", () => {
  const orderWith = (headers: Record<string, string>): Promise<Response> =>
    post("/api/v1/recipe", '{"recipe":"tile-edge"}', { ...JSON_TYPE, ...headers });

  test("another site's page may not", async () => {
    for (const headers of [{ origin: "http://evil.example" }, { origin: "null" }, { "sec-fetch-site": "cross-site" }]) {
      expect((await orderWith(headers)).status).toBe(403);
    }
    expect((await orderWith({ origin: served.url })).status).toBe(200);
  });

  test("a foreign name for the loopback address is refused, so that DNS tricks do not work", async () => {
    const status = await new Promise((resolve, reject) => {
      httpGet(`${served.url}/api/v1/status`, { headers: { host: "evil.example:8080" } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject);
    });
    expect(status).toBe(421);
  });

  test("with a write token set, only its bearer acts and everybody looks", async () => {
    const guarded = await serveFakeDevice({ writeToken: "s3cret" });
    try {
      const order = (headers: Record<string, string>): Promise<Response> =>
        fetch(`${guarded.url}/api/v1/recipe`, {
          method: "POST",
          body: '{"recipe":"tile-edge"}',
          headers: { ...JSON_TYPE, ...headers },
        });
      expect((await fetch(`${guarded.url}/api/v1/status`)).status).toBe(200);
      expect((await order({})).status).toBe(401);
      expect((await order({ authorization: "Bearer wrong" })).status).toBe(401);
      expect((await order({ authorization: "Bearer s3cret" })).status).toBe(200);
    } finally {
      await guarded.server.stop();
    }
  });

  test("open to the network without a token, it only shows", async () => {
    const open = await serveFakeDevice({ host: "0.0.0.0" });
    try {
      const url = open.url.replace("0.0.0.0", "127.0.0.1");
      expect((await fetch(`${url}/api/v1/status`)).status).toBe(200);
      const response = await fetch(`${url}/api/v1/trigger`, { method: "POST" });
      expect(response.status).toBe(403);
      expect(await errorOf(response)).toMatchObject({ code: "WRITES_DISABLED" });
      expect(open.device.acts).toEqual([]);
    } finally {
      await open.server.stop();
    }
  });
});
