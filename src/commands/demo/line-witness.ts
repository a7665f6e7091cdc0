import { z } from "zod";
import type { Clock } from "../../platform/clock.ts";
import type { LineSettings } from "../../simulation/line-settings.ts";
import { counted, NOTHING_COUNTED, truthOf, type TruthTally } from "./truth-tally.ts";

const Verdicts = z.looseObject({
  verdicts: z.array(
    z.looseObject({
      id: z.string(),
      part: z.string(),
      verdict: z.string(),
      decidedAt: z.string(),
      model: z.looseObject({ version: z.string() }).nullable(),
    }),
  ),
});
export type SeenVerdict = z.infer<typeof Verdicts>["verdicts"][number];

const EVERY_MS = 2000;
const MOST = 200;

/** Reads a device's verdicts from its HTTP interface and holds them against what the simulator knows. */
export class LineWitness {
  readonly #url: string;
  readonly #settings: Pick<LineSettings, "seed" | "defectRate" | "classMix">;
  readonly #clock: Clock;
  readonly #seen = new Set<string>();
  #tallies = new Map<string, TruthTally>();
  #newestPart = -1;
  #version = "";

  constructor(url: string, settings: Pick<LineSettings, "seed" | "defectRate" | "classMix">, clock: Clock) {
    this.#url = url;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Number of the newest part that was judged. */
  get newestPart(): number {
    return this.#newestPart;
  }

  /** Version of the model that judged it. */
  get version(): string {
    return this.#version;
  }

  /** Of all parts that were judged in a stretch so far. */
  tally(stretch: string): TruthTally {
    return this.#tallies.get(stretch) ?? NOTHING_COUNTED;
  }

  /** Until `signal` aborts. `stretchOf`: under which name a part counts; null: not at all. */
  async watch(stretchOf: (part: number, version: string) => string | null, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const verdict of await this.#newVerdicts()) this.#count(verdict, stretchOf);
      await this.#clock.sleep(EVERY_MS, signal).catch(() => undefined); // rejects only when aborted
    }
  }

  async #newVerdicts(): Promise<SeenVerdict[]> {
    const response = await fetch(`${this.#url}/api/v1/verdicts?limit=${MOST}`).catch(() => null);
    if (response?.ok !== true) return []; // the device is starting or ending
    const { verdicts } = Verdicts.parse(await response.json());
    return verdicts.reverse().filter(({ id }) => !this.#seen.has(id));
  }

  #count({ id, part, verdict, model }: SeenVerdict, stretchOf: (part: number, version: string) => string | null): void {
    this.#seen.add(id);
    const truth = truthOf(this.#settings, part);
    if (truth === null) return;
    const number = Number(part.split("-").at(-1));
    this.#newestPart = Math.max(this.#newestPart, number);
    this.#version = model?.version ?? "";
    const stretch = stretchOf(number, this.#version);
    if (stretch !== null) this.#tallies.set(stretch, counted(this.tally(stretch), truth, verdict));
  }
}
