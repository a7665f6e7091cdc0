import { messageOf, SightlineError } from "../../contracts/errors.ts";
import type { HardCaseUpload } from "../../contracts/hub-case.ts";
import { HttpRefusal } from "../../http/error-reply.ts";
import type { Clock } from "../../platform/clock.ts";
import { reasonBits } from "../cases/merge-reasons.ts";
import { recordCases } from "../cases/record-case.ts";
import type { Database } from "../store/database.ts";
import { GroupCommit, type Settled } from "../store/group-commit.ts";
import { dailyLimit } from "./daily-limit.ts";
import type { DayUsage } from "./day-usage.ts";
import type { KnownDevice } from "./device-record.ts";

export interface CaseIntakeParts {
  readonly database: Database;
  readonly usage: DayUsage;
  readonly clock: Clock;
}

interface ArrivingCase {
  readonly device: KnownDevice;
  readonly upload: HardCaseUpload;
}

type Stored = "new" | "known";

const GROUP = { waitMs: 15, largestGroup: 64 };

/** One sentence for every way in which a case is not this device's: none of them tells what others sent. */
export const notYours = (): HttpRefusal =>
  new HttpRefusal(
    403,
    "CASE_REFUSED",
    "This case is not this device's to send: its id or the device in its verdict belongs elsewhere.",
  );

const imageNotSent = (sha256: string): HttpRefusal =>
  new HttpRefusal(
    409,
    "IMAGE_NOT_SENT",
    `This device has not sent the image ${sha256}; PUT it to /api/v1/images/${sha256} first, then the case again.`,
  );

/** Hard cases in: each once, however often it is sent, with every reason it was ever sent for, and never without its image. */
export class CaseIntake {
  readonly #parts: CaseIntakeParts;
  readonly #rows: GroupCommit<ArrivingCase, Stored>;

  constructor(parts: CaseIntakeParts) {
    this.#parts = parts;
    this.#rows = new GroupCommit({ ...GROUP, clock: parts.clock, commit: (cases) => this.#keep(cases) });
  }

  stop(): Promise<void> {
    return this.#rows.idle();
  }

  /** Resolves when the case is durable. Throws an HttpRefusal that says why it is not taken. */
  async receive(device: KnownDevice, upload: HardCaseUpload): Promise<Stored> {
    if (upload.verdict.device !== device.id) throw notYours();
    return this.#rows.write({ device, upload });
  }

  async #keep(cases: readonly ArrivingCase[]): Promise<Settled<Stored>[]> {
    const at = this.#parts.clock.wallNow();
    const answers = new Map<ArrivingCase, Settled<Stored>>();
    const fresh = await this.#fresh(cases, at, answers);
    for (const [arriving, answer] of await this.#record(fresh, at)) answers.set(arriving, answer);
    for (const arriving of fresh) {
      const answer = answers.get(arriving);
      if (answer !== undefined && "value" in answer && answer.value === "new")
        await this.#parts.usage.add(arriving.device.id, { cases: 1 }, at);
    }
    return cases.map((arriving) => answers.get(arriving) ?? { error: new Error("no answer for a case") });
  }

  /** Those to be recorded, or to get another reason; `answers` gets what is to be said to the others. */
  async #fresh(
    cases: readonly ArrivingCase[],
    at: number,
    answers: Map<ArrivingCase, Settled<Stored>>,
  ): Promise<ArrivingCase[]> {
    const owners = await this.#owners(cases);
    const images = await this.#images(cases);
    const fresh: ArrivingCase[] = [];
    const taken = new Map<string, number>();
    for (const arriving of cases) {
      const { device, upload } = arriving;
      const owner = owners.get(upload.verdict.id);
      const ahead = taken.get(device.id) ?? 0;
      const fault = imageFault(upload, images.get(`${upload.image.sha256} ${device.id}`));
      if (owner?.device === device.id) {
        // A reason that is new is merged in; it is no case more, so neither limit nor image is asked about.
        if ((reasonBits(upload.reasons) & ~owner.reasons) === 0) answers.set(arriving, { value: "known" });
        else fresh.push(arriving);
      } else if (owner !== undefined) answers.set(arriving, { error: notYours() });
      else if (fault !== null) answers.set(arriving, { error: fault });
      else if (!(await this.#parts.usage.allowsCase({ ...device, dailyCases: device.dailyCases - ahead }, at)))
        answers.set(arriving, { error: dailyLimit("cases", at) });
      else {
        taken.set(device.id, ahead + 1);
        fresh.push(arriving);
      }
    }
    return fresh;
  }

  async #owners(cases: readonly ArrivingCase[]): Promise<ReadonlyMap<string, Owner>> {
    const ids = cases.map(({ upload }) => upload.verdict.id);
    const found = await this.#parts.database.query
      .selectFrom("cases")
      .select(["id", "device_id as device", "reasons"])
      .where("id", "in", ids)
      .execute();
    return new Map(found.map(({ id, ...owner }) => [id, owner]));
  }

  async #images(cases: readonly ArrivingCase[]): Promise<ReadonlyMap<string, SentImage>> {
    const found = await this.#parts.database.query
      .selectFrom("image_senders")
      .innerJoin("images", "images.sha256", "image_senders.sha256")
      .select(["image_senders.sha256", "image_senders.device_id", "images.bytes", "images.media_type"])
      .where(
        "image_senders.sha256",
        "in",
        cases.map(({ upload }) => upload.image.sha256),
      )
      .execute();
    return new Map(found.map((image) => [`${image.sha256} ${image.device_id}`, image]));
  }

  async #record(cases: readonly ArrivingCase[], at: number): Promise<Map<ArrivingCase, Settled<Stored>>> {
    if (cases.length === 0) return new Map();
    const arrived = cases.map(({ device, upload }) => ({ upload, project: device.project, receivedAt: at }));
    try {
      const stored = await recordCases(this.#parts.database, arrived);
      return new Map(cases.map((arriving, index) => [arriving, { value: stored[index] ?? "known" }]));
    } catch (error) {
      const [only] = cases;
      if (cases.length === 1 && only !== undefined)
        return new Map([[only, { error: await this.#refusalOf(error, only) }]]);
      // One case that cannot be kept must not cost the others of its group.
      const answers = new Map<ArrivingCase, Settled<Stored>>();
      for (const arriving of cases)
        for (const [key, answer] of await this.#record([arriving], at)) answers.set(key, answer);
      return answers;
    }
  }

  async #refusalOf(error: unknown, arriving: ArrivingCase): Promise<unknown> {
    if (!(error instanceof SightlineError) || error.code !== "CASE_REFUSED") return error;
    const owner = (await this.#owners([arriving])).get(arriving.upload.verdict.id);
    if (owner !== undefined && owner.device !== arriving.device.id) return notYours();
    return new HttpRefusal(422, "CASE_UNUSABLE", messageOf(error));
  }
}

interface Owner {
  readonly device: string;
  /** Bits: what the case's reasons are so far. */
  readonly reasons: number;
}

interface SentImage {
  readonly bytes: number;
  readonly media_type: string;
}

function imageFault({ image }: HardCaseUpload, sent: SentImage | undefined): HttpRefusal | null {
  if (sent === undefined) return imageNotSent(image.sha256);
  if (sent.bytes === image.bytes && sent.media_type === image.mediaType) return null;
  const sentence =
    `The image ${image.sha256} has ${sent.bytes} bytes of ${sent.media_type}; ` +
    `the case says ${image.bytes} bytes of ${image.mediaType}.`;
  return new HttpRefusal(422, "IMAGE_DIFFERS", sentence);
}
