import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { httpSource, HttpSourceOptions } from "../../../src/pipeline/capture/http-source.ts";
import { rtspSource, RtspSourceOptions } from "../../../src/pipeline/capture/rtsp-source.ts";
import type { CapturedFrame } from "../../../src/pipeline/frame.ts";
import { asFrame, childPids, childrenRunning, linkTo, run, sizeOf, take, until } from "./capturing.ts";
import { jpegOf, StreamServer } from "./stream-server.ts";

let server: StreamServer;
beforeEach(async () => {
  server = new StreamServer(await jpegOf(322, 242));
  await server.start();
});
afterEach(async () => {
  await server.stop();
  expect(await childPids()).toEqual([]);
});

const open = (url: string) => httpSource(HttpSourceOptions.parse({ type: "http", url }), systemClock);
const never = new AbortController().signal;

/** Keeps taking frames until `enough`, then stops the link. */
async function watch(
  link: ReturnType<typeof linkTo>,
  onFrame: (frame: CapturedFrame) => void,
  enough: () => boolean,
): Promise<void> {
  await link.start();
  for await (const frame of link.frames(never)) {
    onFrame(frame);
    if (enough()) break;
  }
  await link.stop();
}

test("an MJPEG camera over HTTP delivers", async () => {
  const [frame] = (await take(open(`http://${server.authority}/stream`), 3)).slice(-1);
  expect(sizeOf(frame)).toBe("322x242x3");
  const [red = 0, green = 0, blue = 0] = asFrame(frame).image.pixels;
  expect([Math.abs(red - 200) < 8, Math.abs(green - 60) < 8, Math.abs(blue - 20) < 8]).toEqual([true, true, true]);
});

test("a connection that is cut is made again, and the numbering goes on", async () => {
  const link = linkTo(open(`http://${server.authority}/stream`));
  const seqs: number[] = [];
  let cutAt = Infinity;
  const onFrame = (frame: CapturedFrame): void => {
    seqs.push(frame.seq);
    if (seqs.length !== 5) return;
    cutAt = frame.seq;
    server.cut();
  };
  await watch(link, onFrame, () => server.connections === 2 && (seqs.at(-1) ?? 0) > cutAt + 5);
  expect(seqs).toEqual([...new Set(seqs)].sort((one, other) => one - other));
  expect(link.status()).toMatchObject({ restarts: 1, stalls: 0, state: "closed", widthPx: 322, heightPx: 242 });
  expect(link.status().lastError).toMatch(/^the camera stopped delivering: http:\/\/127\.0\.0\.1:\d+\/stream/);
});

test("ffmpeg killed in mid-stream is started again", async () => {
  const link = linkTo(open(`http://${server.authority}/stream`));
  let frames = 0;
  const onFrame = (): void => {
    if (++frames === 3) void childrenRunning("ffmpeg").then(([pid]) => process.kill(pid ?? 0, "SIGKILL"));
  };
  const isBack = (): boolean => link.status().restarts === 1 && link.status().state === "ready";
  await watch(link, onFrame, () => server.connections === 2 && isBack());
  expect(link.status().lastError).toMatch(/was ended by SIGKILL/);
});

test("a camera that falls silent is a stall, and is opened again", async () => {
  const link = linkTo(open(`http://${server.authority}/stream`), { stallTimeoutMs: 300 });
  let frames = 0;
  const onFrame = (): void => {
    if (++frames !== 3) return;
    server.silent = true;
    void until(() => link.status().stalls === 1, "the stall is seen").then(() => (server.silent = false));
  };
  await watch(link, onFrame, () => server.connections === 2 && link.status().state === "ready");
  expect(link.status()).toMatchObject({ stalls: 1, restarts: 1 });
  expect(link.status().lastError).toMatch(/no frame in time: http .* sent nothing for \d+ ms; it is restarted/);
});

test("a new picture size is a fault at that very picture, then a restart", async () => {
  const link = linkTo(open(`http://${server.authority}/stream`));
  const sizes: string[] = [];
  const onFrame = (frame: CapturedFrame): void => {
    sizes.push(frame.kind === "frame" ? sizeOf(frame) : frame.reason);
    if (sizes.length === 3) void jpegOf(160, 120).then((jpeg) => server.show(jpeg));
  };
  await watch(link, onFrame, () => sizes.at(-1) === "160x120x3");
  expect([...new Set(sizes)]).toEqual(["322x242x3", "wrong-size", "160x120x3"]);
  expect(sizes.filter((size) => size === "wrong-size")).toHaveLength(1);
  expect(link.status()).toMatchObject({ resizes: 1, restarts: 1, widthPx: 160, heightPx: 120 });
  expect(link.status().lastError).toMatch(/changed from 322 x 242 to 160 x 120 px/);
});

test("passwords are shown nowhere", async () => {
  const url = `http://admin:hunter2@${server.authority}`;
  await expect(take(open(`${url}/forbidden?token=hunter2`), 1)).rejects.toMatchObject({
    code: "CAMERA_UNAVAILABLE",
    detail:
      `http://***@${server.authority}/forbidden?token=*** refuses the user name or password; ` +
      "correct them in the source's url",
  });
  expect(open(url).name).toBe(`http http://***@${server.authority}`);
  const options = RtspSourceOptions.parse({ type: "rtsp", url: "rtsp://admin:p@ss:hunter2@127.0.0.1:9/main" });
  const rtsp = rtspSource(options, systemClock);
  expect(rtsp.name).toBe("rtsp rtsp://***@127.0.0.1:9/main");
  const sentence = "rtsp://***@127.0.0.1:9/main refuses the connection; check the address and port";
  await expect(take(rtsp, 1)).rejects.toThrow(sentence);
});

test("a wrong path is told from a wrong address", async () => {
  await expect(take(open(`http://${server.authority}/nothing`), 1)).rejects.toThrow(/does not exist on that server/);
  await expect(take(open("http://camera.invalid/stream"), 1)).rejects.toThrow(/host name that cannot be resolved/);
});

test("an MPEG transport stream is decoded", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ts-"));
  const path = join(folder, "clip.ts");
  const input = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-t", "30"];
  await run("ffmpeg", ["-loglevel", "error", ...input, "-c:v", "mpeg2video", "-f", "mpegts", path]);
  const files = createServer((_, response) => void createReadStream(path).pipe(response));
  await new Promise<void>((resolve) => files.listen(0, "127.0.0.1", resolve));
  const taken = await take(open(`http://127.0.0.1:${(files.address() as AddressInfo).port}/clip.ts`), 20);
  expect(new Set(taken.map(sizeOf))).toEqual(new Set(["320x240x3"]));
  files.closeAllConnections();
  await new Promise((resolve) => files.close(resolve));
  await rm(folder, { recursive: true });
});
