import { readdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { openObjectStore } from "../../../src/hub/store/open-object-store.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { jpegOf, pictureOf } from "../support/hard-cases.ts";
import { errorOf, HubUnderTest, sha256Of } from "../support/running-hub.ts";

const incoming = (hub: HubUnderTest): string[] => readdirSync(join(hub.folder, "data", "incoming"));
const rowsOf = (hub: HubUnderTest): Promise<object[]> => hub.database.query.selectFrom("images").selectAll().execute();

async function storedBytes(hub: HubUnderTest, sha256: string): Promise<Buffer | null> {
  const { store } = await openObjectStore(
    { kind: "folder", path: join(hub.folder, "data", "images") },
    systemClock.wallNow(),
  );
  const stream = await store.get(sha256);
  return stream === null ? null : Buffer.concat(await stream.toArray());
}

async function expectNothingKept(hub: HubUnderTest, sha256: string): Promise<void> {
  expect(await rowsOf(hub)).toEqual([]);
  expect(await storedBytes(hub, sha256)).toBeNull();
  expect(incoming(hub)).toEqual([]);
}

test("an image is stored bit for bit, once, and is known from then on", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  const image = await jpegOf(1);
  const sha256 = sha256Of(image);
  expect((await sender.headImage(sha256)).status).toBe(404);

  const first = await sender.putImage(image);
  expect([first.status, await first.json()]).toEqual([200, { stored: "new" }]);
  expect(await (await sender.putImage(image)).json()).toEqual({ stored: "known" });

  expect((await sender.headImage(sha256)).status).toBe(200);
  expect(await storedBytes(hub, sha256)).toEqual(image);
  expect(await rowsOf(hub)).toMatchObject([
    { sha256, bytes: image.length, media_type: "image/jpeg", width_px: 32, height_px: 24, device_id: "station-1" },
  ]);
  expect(incoming(hub)).toEqual([]);
});

test("twenty at once are twenty images, and a PNG is one too", async () => {
  const hub = await HubUnderTest.start();
  const sender = await hub.enrol("station-1");
  const images = await Promise.all(Array.from({ length: 20 }, (_, number) => jpegOf(number)));
  const replies = await Promise.all(images.map(async (image) => (await sender.putImage(image)).json()));
  expect(replies).toEqual(images.map(() => ({ stored: "new" })));
  const png = await pictureOf(7).png().toBuffer();
  expect(await (await sender.putImage(png, { mediaType: "image/png" })).json()).toEqual({ stored: "new" });
  expect(await rowsOf(hub)).toHaveLength(21);
});

test("nobody learns from the hub what another device sent", async () => {
  const hub = await HubUnderTest.start();
  const [one, other] = [await hub.enrol("station-1"), await hub.enrol("station-2")];
  const image = await jpegOf(1);
  await one.putImage(image);
  expect((await other.headImage(sha256Of(image))).status).toBe(404);
  expect(await (await other.putImage(image)).json()).toEqual({ stored: "new" });
  expect((await other.headImage(sha256Of(image))).status).toBe(200);
  expect(await rowsOf(hub)).toHaveLength(1);
});

describe("what is refused leaves nothing behind", () => {
  test("bytes that are no image", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const text = Buffer.from("<html>not an image</html>");
    expect(await errorOf(await sender.putImage(text))).toEqual({
      status: 422,
      code: "NO_IMAGE",
      message: "The bytes are no image/jpeg: they do not start as one.",
    });
    await expectNothingKept(hub, sha256Of(text));
  });

  test("an image that was cut short before it was hashed", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const torn = (await jpegOf(1)).subarray(0, 400);
    const error = await errorOf(await sender.putImage(torn));
    expect(error).toMatchObject({ status: 422, code: "NO_IMAGE" });
    expect(error.message).toMatch(/^The image cannot be used: the JPEG (stops|ends)/);
    await expectNothingKept(hub, sha256Of(torn));
  });

  test("an empty body", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const error = await errorOf(await sender.putImage(new Uint8Array()));
    expect(error.message).toMatch(/empty/);
    expect([400, 422]).toContain(error.status);
  });

  test("bytes that are not those of the address", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const image = await jpegOf(1);
    const sha256 = "0".repeat(64);
    const error = await errorOf(await sender.putImage(image, { sha256 }));
    expect(error).toMatchObject({ status: 422, code: "WRONG_HASH" });
    expect(error.message).toContain(sha256Of(image));
    await expectNothingKept(hub, sha256);
    await expectNothingKept(hub, sha256Of(image));
  });

  test("a PNG that is said to be a JPEG", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const png = await pictureOf(1).png().toBuffer();
    expect(await errorOf(await sender.putImage(png))).toMatchObject({ status: 422, code: "NO_IMAGE" });
    await expectNothingKept(hub, sha256Of(png));
  });

  test("another content type, before its body is read", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const error = await errorOf(await sender.putImage(await jpegOf(1), { mediaType: "text/plain" }));
    expect(error).toEqual({
      status: 415,
      code: "UNSUPPORTED_MEDIA_TYPE",
      message: "Images are image/jpeg or image/png; say so in content-type.",
    });
  });

  test("a picture of more pixels than are taken, however few bytes it has", async () => {
    const hub = await HubUnderTest.start({ limits: { imagePixels: 1_000_000 } });
    const sender = await hub.enrol("station-1");
    const bomb = await sharp({ create: { width: 4000, height: 4000, channels: 3, background: "black" } })
      .png()
      .toBuffer();
    const error = await errorOf(await sender.putImage(bomb, { mediaType: "image/png" }));
    expect(error).toMatchObject({ status: 422, code: "TOO_MANY_PIXELS" });
    expect(error.message).toMatch(/4000x4000 px.*at most 1,000,000/);
    await expectNothingKept(hub, sha256Of(bomb));
  });

  test("an image that is announced as too large", async () => {
    const hub = await HubUnderTest.start({ limits: { imageBytes: 2000 } });
    const sender = await hub.enrol("station-1");
    const large = Buffer.alloc(3000, 0xff);
    expect(await errorOf(await sender.putImage(large))).toEqual({
      status: 413,
      code: "TOO_LARGE",
      message: "The image is larger than the 2000 bytes that are accepted here.",
    });
    await expectNothingKept(hub, sha256Of(large));
  });

  test("an image that turns out to be too large while it arrives in chunks", async () => {
    const hub = await HubUnderTest.start({ limits: { imageBytes: 100_000 } });
    const sender = await hub.enrol("station-1");
    const status = await new Promise((resolve, reject) => {
      const put = request(
        `${hub.url}/api/v1/images/${"0".repeat(64)}`,
        { method: "PUT", headers: { authorization: `Bearer ${sender.credential}`, "content-type": "image/jpeg" } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      put.on("error", reject);
      for (let chunk = 0; chunk < 3; chunk++) put.write(Buffer.alloc(50_000));
    });
    expect(status).toBe(413);
    await expect.poll(() => incoming(hub)).toEqual([]);
  });

  test("an image whose sender goes away in the middle", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const image = await jpegOf(1);
    await new Promise<void>((resolve) => {
      const put = request(`${hub.url}/api/v1/images/${sha256Of(image)}`, {
        method: "PUT",
        headers: {
          authorization: `Bearer ${sender.credential}`,
          "content-type": "image/jpeg",
          "content-length": image.length,
        },
      });
      put.on("error", () => resolve());
      put.write(image.subarray(0, 200));
      setTimeout(() => put.destroy(), 50);
    });
    await expect.poll(() => incoming(hub)).toEqual([]);
    await expectNothingKept(hub, sha256Of(image));
  });

  test("an address that is no SHA-256", async () => {
    const hub = await HubUnderTest.start();
    const sender = await hub.enrol("station-1");
    const error = await errorOf(await sender.putImage(await jpegOf(1), { sha256: "../../etc/passwd" }));
    expect([400, 404]).toContain(error.status);
    const odd = await errorOf(await sender.putImage(await jpegOf(1), { sha256: "ABC" }));
    expect(odd).toMatchObject({ status: 400, code: "BAD_REQUEST" });
    expect(odd.message).toMatch(/64 lower-case hexadecimal digits/);
  });

  test("more bytes than a device may send in a day, until the day is over or the limit is raised", async () => {
    const images = await Promise.all([jpegOf(1), jpegOf(2)]);
    const [first, second] = images as [Buffer, Buffer];
    const hub = await HubUnderTest.start({ limits: { dailyBytes: first.length + 10 } });
    const sender = await hub.enrol("station-1");
    expect((await sender.putImage(first)).status).toBe(200);
    const refused = await sender.putImage(second);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(86_400);
    expect(await errorOf(refused)).toMatchObject({ status: 429, code: "DAILY_LIMIT" });
    // What is known already costs nothing.
    expect(await (await sender.putImage(first)).json()).toEqual({ stored: "known" });
    const engineer = await hub.signIn("engineer");
    await engineer.send("PATCH", "/api/v1/devices/station-1", { dailyBytes: 1_000_000 });
    expect((await sender.putImage(second)).status).toBe(200);
  });
});
