import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeEnrolmentCode } from "../../hub/intake/enrol-device.ts";
import { openDatabase } from "../../hub/store/database.ts";
import { encodeJpeg } from "../../imaging/encode-jpeg.ts";
import type { Clock } from "../../platform/clock.ts";
import { siblingModule } from "../../platform/sibling-module.ts";
import { DEFAULT_LINE } from "../../simulation/line-settings.ts";
import { renderPart } from "../../simulation/render-part.ts";
import { type CaseMaker, caseMaker, DEVICES, PROJECT } from "./hub-cases.ts";
import { makeBenchProject } from "./hub-fill.ts";
import { percentile } from "./throughput.ts";

export interface IntakeFigures {
  readonly cases: number;
  readonly imageBytes: number;
  readonly connections: number;
  readonly casesPerSecond: number;
  /** Of one case: image and row, as its device waits for it. */
  readonly p50Ms: number;
  readonly p95Ms: number;
}

export interface IntakeOptions {
  readonly folder: string;
  readonly cases: number;
  readonly clock: Clock;
  onProgress(done: number): void;
}

const CONNECTIONS = 32;
const IMAGE_BYTES = 50_000;
const UNLIMITED = 1_000_000_000;

/**
 * Devices that send hard cases as fast as the hub takes them: it runs as its own process on SQLite and a folder, every
 * image is another one of 50 KB, and a case counts when the hub has said that it is on its disk.
 */
export async function measureIntake({ folder, cases, clock, onProgress }: IntakeOptions): Promise<IntakeFigures> {
  const database = await openDatabase({ engine: "sqlite", path: join(folder, "hub.sqlite") });
  await makeBenchProject(database);
  const act = { by: "bench", at: clock.wallNow() };
  const codes: string[] = [];
  for (let device = 0; device < DEVICES; device++) {
    const wanted = { device: `camera-${device}`, project: PROJECT, line: "", hours: 1 };
    codes.push((await makeEnrolmentCode(database, wanted, act)).code);
  }
  await database.close();
  const limits = { dailyCases: UNLIMITED, dailyBytes: 100 * UNLIMITED, enrolmentsPerMinute: DEVICES + 1 };
  const config = { dataDirectory: folder, http: { port: 0 }, limits };
  const hub = fork(fileURLToPath(siblingModule(import.meta.url, "hub-process")), [JSON.stringify(config)]);
  try {
    const [{ url }] = (await once(hub, "message")) as [{ url: string }];
    const credentials = await Promise.all(codes.map((code) => enrol(url, code)));
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const figures = await sendAll({ url, agent, credentials, cases, clock, onProgress });
    agent.destroy();
    return figures;
  } finally {
    if (hub.connected) hub.disconnect();
    if (hub.exitCode === null) await once(hub, "exit");
  }
}

async function enrol(url: string, code: string): Promise<string> {
  const reply = await fetch(`${url}/api/v1/enrol`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ code }),
  });
  const { credential } = (await reply.json()) as { credential?: string };
  if (credential === undefined) throw new Error(`the hub did not enrol a device: it answered ${reply.status}`);
  return credential;
}

interface Sending {
  readonly url: string;
  readonly agent: Agent;
  readonly credentials: readonly string[];
  readonly cases: number;
  readonly clock: Clock;
  onProgress(done: number): void;
}

async function sendAll(sending: Sending): Promise<IntakeFigures> {
  const { cases, clock, onProgress } = sending;
  const photograph = await photographOf(IMAGE_BYTES);
  const maker = caseMaker();
  const spans: number[] = [];
  let next = 0;
  const startTick = clock.tick();
  const connection = async (): Promise<void> => {
    while (next < cases) {
      const index = next++;
      const tick = clock.tick();
      await sendCase(sending, { index, maker, image: numbered(photograph, index) });
      spans.push(clock.tick() - tick);
      onProgress(spans.length);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  const seconds = (clock.tick() - startTick) / 1000;
  return {
    cases,
    imageBytes: IMAGE_BYTES,
    connections: CONNECTIONS,
    casesPerSecond: cases / seconds,
    p50Ms: percentile(spans, 0.5),
    p95Ms: percentile(spans, 0.95),
  };
}

interface Numbered {
  readonly index: number;
  readonly maker: CaseMaker;
  readonly image: Buffer;
}

async function sendCase(sending: Sending, { index, maker, image }: Numbered): Promise<void> {
  const credential = sending.credentials[index % DEVICES] ?? "";
  const sha256 = createHash("sha256").update(image).digest("hex");
  const upload = maker.caseAt(index);
  await put(sending, { path: `images/${sha256}`, credential, type: "image/jpeg", body: image });
  const body = JSON.stringify({ ...upload, image: { ...upload.image, sha256, bytes: image.length } });
  await put(sending, { path: `cases/${upload.verdict.id}`, credential, type: "application/json", body });
}

interface Put {
  readonly path: string;
  readonly credential: string;
  readonly type: string;
  readonly body: string | Buffer;
}

function put({ url, agent }: Sending, { path, credential, type, body }: Put): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/api/v1/${path}`, {
      method: "PUT",
      agent,
      headers: {
        authorization: `Bearer ${credential}`,
        "content-type": type,
        "content-length": Buffer.byteLength(body),
      },
    });
    sent.once("error", reject);
    sent.once("response", (reply) => {
      let text = "";
      reply.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      reply.once("end", () => {
        if (reply.statusCode === 200 || reply.statusCode === 201) resolve();
        else reject(new Error(`the hub answered ${reply.statusCode} to PUT ${path}: ${text}`));
      });
    });
    sent.end(body);
  });
}

/** A JPEG of a simulated part, of the best quality that fits into `bytes`. */
async function photographOf(bytes: number): Promise<Buffer> {
  const { image } = renderPart({ ...DEFAULT_LINE, widthPx: 576, heightPx: 672 }, 1);
  let best = await encodeJpeg(image, 50);
  for (let quality = 51; quality <= 100; quality++) {
    const jpeg = await encodeJpeg(image, quality);
    if (jpeg.length > bytes - COMMENT_BYTES) break;
    best = jpeg;
  }
  return Buffer.from(best);
}

/** Of the marker, its length and the number. */
const COMMENT_BYTES = 8;

/** The same picture as another file of 50 KB: with a comment behind the first marker (ITU T.81, B.2.4.5). */
function numbered(jpeg: Buffer, index: number): Buffer {
  const comment = Buffer.alloc(IMAGE_BYTES - jpeg.length);
  comment.writeUInt16BE(0xfffe, 0);
  comment.writeUInt16BE(comment.length - 2, 2);
  comment.writeUInt32BE(index, 4);
  return Buffer.concat([jpeg.subarray(0, 2), comment, jpeg.subarray(2)]);
}
