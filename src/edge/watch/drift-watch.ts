import { setImmediate as turn } from "node:timers/promises";
import { messageOf } from "../../contracts/errors.ts";
import type { DriftAlarm } from "../../contracts/drift-alarm.ts";
import type { DriftObservation } from "../../drift/observation.ts";
import { NoveltyGauge, type Outlook } from "../../drift/novelty.ts";
import type { Image } from "../../imaging/image.ts";
import { toIso, type Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import type { Service } from "../../platform/services.ts";
import type { Recipe } from "../recipe.ts";
import type { DriftConfig } from "./drift-config.ts";
import { driftStatus, type DriftStatus } from "./drift-status.ts";
import { SampleSheets, SHEET_PICTURES, type SheetName } from "./sample-sheets.ts";
import { keyText, type StationFiles, type StationKey } from "./station-files.ts";
import { StationWatch } from "./station-watch.ts";

/** An inspected frame. The pixels are the camera's own: read, never written. */
export interface WatchedFrame {
  readonly recipe: Recipe;
  readonly image: Image;
  readonly observation: DriftObservation;
}

export interface DriftWatchParts {
  readonly device: string;
  readonly config: DriftConfig;
  readonly files: StationFiles;
  readonly clock: Clock;
  readonly log: Logger;
  readonly activeRecipe: () => Recipe | undefined;
  readonly audit: (by: string, detail: Readonly<Record<string, unknown>>) => Promise<void>;
  /** A new alarm, and at the start those that are still open. */
  readonly onAlarm: (alarm: DriftAlarm) => void;
}

interface Station {
  readonly key: StationKey;
  readonly watch: StationWatch;
  readonly sheets: SampleSheets;
  /** Differs from what is on disk. */
  changed: boolean;
}

const SAVE_EVERY_MS = 60_000;
/** Frames that may wait for their turn, for example for the files of a recipe that has just become active. */
const MOST_WAITING = 64;

/**
 * Watches every inspected frame for changes of camera, light, parts and scores, after the verdict has left: one watch
 * for each model and recipe, which outlives restarts.
 */
export class DriftWatch implements Service {
  readonly name = "drift-watch";
  readonly #with: DriftWatchParts;
  readonly #stations = new Map<string, Station>();
  readonly #gauges = new WeakMap<Recipe, { readonly gauge: NoveltyGauge | undefined; readonly of: unknown }>();
  readonly #stopping = new AbortController();
  #waiting: WatchedFrame[] = [];
  #working: Promise<void> | undefined;
  #saving: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();
  #alarms = 0;

  constructor(parts: DriftWatchParts) {
    this.#with = parts;
  }

  /** Alarms since this start. */
  get alarmsTotal(): number {
    return this.#alarms;
  }

  async start(): Promise<void> {
    if (this.#with.config.enabled) this.#saving = this.#saveNowAndThen(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#working;
    await this.#saving;
    await this.#saveAll();
    await this.#writing;
  }

  /** Returns at once. */
  observe(frame: WatchedFrame): void {
    if (!this.#with.config.enabled || this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push(frame);
    this.#working ??= this.#work();
  }

  /** How unusual a frame is to its model, by the bundle's baseline or else by what was learnt here; null: unknown. */
  outlook(recipe: Recipe, embedding: Float32Array): Outlook | null {
    const learnt = this.#stations.get(keyText(keyOf(recipe)))?.watch.reference?.reference ?? null;
    const reference = withEmbeddings(recipe.bundle.manifest.driftBaseline) ?? learnt;
    if (reference === null) return null;
    const known = this.#gauges.get(recipe);
    if (known?.of === reference) return known.gauge?.look(embedding) ?? null;
    const gauge = NoveltyGauge.of(reference);
    this.#gauges.set(recipe, { gauge, of: reference });
    return gauge?.look(embedding) ?? null;
  }

  /** Of the active recipe. */
  status(): DriftStatus {
    const { config } = this.#with;
    const station = this.#active();
    return driftStatus(config, station?.watch, station?.sheets);
  }

  /** A small JPEG of a sample sheet of the active recipe, from 0; undefined where there is none. */
  picture(sheet: SheetName, index: number): Uint8Array | undefined {
    return this.#active()?.sheets.picture(sheet, index);
  }

  /** Closes the open alarms of the active recipe; returns how many. */
  async acknowledge(by: string, note: string): Promise<number> {
    const station = this.#active();
    if (station === undefined || station.watch.alarms.length === 0) return 0;
    const closed = station.watch.alarms.map(({ stream, direction, sentence, at }) => ({
      ...{ stream, direction, sentence, at },
    }));
    // Who closes an alarm must be on record before it is closed.
    await this.#with.audit(by, { ...station.key, acknowledged: closed, note });
    station.watch.acknowledge();
    station.sheets.endAlarm();
    await this.#save(station, { sheets: true });
    return closed.length;
  }

  /** What is usual for the active recipe is learnt anew; false where nothing is watched. */
  async relearn(by: string, note: string): Promise<boolean> {
    const station = this.#active();
    if (station === undefined) return false;
    await this.#with.audit(by, { ...station.key, relearn: true, note });
    station.watch.relearn();
    station.sheets.beginReference();
    await this.#save(station, {});
    return true;
  }

  #active(): Station | undefined {
    const recipe = this.#with.activeRecipe();
    return recipe === undefined ? undefined : this.#stations.get(keyText(keyOf(recipe)));
  }

  async #work(): Promise<void> {
    await turn(); // the verdict leaves first
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        await this.#take(next);
      } catch (error) {
        this.#with.log.error({ reason: messageOf(error) }, "a frame could not be looked at for drift");
      }
    }
    this.#working = undefined;
  }

  async #take({ recipe, image, observation }: WatchedFrame): Promise<void> {
    const { clock, config } = this.#with;
    const station = this.#stations.get(keyText(keyOf(recipe))) ?? (await this.#open(recipe));
    const { watch, sheets } = station;
    const tick = clock.tick();
    const every = Math.max(1, Math.floor(config.referenceFrames / SHEET_PICTURES));
    void this.#picture(station, image, watch.learning === null ? { tick } : { tick, every });
    const event = watch.add(observation, toIso(clock.wallNow()));
    station.changed = true;
    if (event?.kind === "learnt") {
      sheets.endReference();
      this.#saveSoon(station, { reference: true, sheets: true });
      const { frames } = event.reference.reference;
      const { comparison } = event.reference;
      this.#with.log.info({ ...station.key, frames, comparison }, "what is usual at this line is learnt");
    } else if (event?.kind === "alarm") this.#raise(station, event.alarm);
  }

  #raise(station: Station, alarm: DriftAlarm): void {
    const { log, audit, onAlarm } = this.#with;
    this.#alarms++;
    if (station.watch.alarms.length === 1) station.sheets.beginAlarm(alarm.framesSinceStart);
    log.warn({ ...station.key, stream: alarm.stream, framesSinceStart: alarm.framesSinceStart }, alarm.sentence);
    audit("drift-watch", { ...station.key, alarm }).catch((error: unknown) =>
      log.error({ reason: messageOf(error) }, "an alarm is not in the audit trail"),
    );
    onAlarm(alarm);
    this.#saveSoon(station, { sheets: true });
  }

  async #picture(station: Station, image: Image, at: { tick: number; every?: number }): Promise<void> {
    try {
      if (await station.sheets.offer(image, at)) this.#saveSoon(station, { sheets: true });
    } catch (error) {
      this.#with.log.warn({ reason: messageOf(error) }, "a picture for the sample sheets could not be made");
    }
  }

  async #open(recipe: Recipe): Promise<Station> {
    const { device, config, files, onAlarm } = this.#with;
    const key = keyOf(recipe);
    const kept = await files.load(key);
    const baseline = recipe.bundle.manifest.driftBaseline ?? null;
    const watch = new StationWatch({ ...config, device, baseline }, kept);
    const station: Station = { key, watch, sheets: new SampleSheets(kept.sheets), changed: false };
    this.#stations.set(keyText(key), station);
    for (const alarm of watch.alarms) onAlarm(alarm);
    return station;
  }

  async #saveNowAndThen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#with.clock.sleep(SAVE_EVERY_MS, signal).catch(() => undefined); // rejects only when aborted
      if (!signal.aborted) await this.#saveAll();
    }
  }

  async #saveAll(): Promise<void> {
    for (const station of this.#stations.values()) if (station.changed) await this.#saveOrSay(station, {});
  }

  #saveSoon(station: Station, also: Also): void {
    void this.#saveOrSay(station, also);
  }

  async #saveOrSay(station: Station, also: Also): Promise<void> {
    await this.#save(station, also).catch((error: unknown) =>
      this.#with.log.error({ reason: messageOf(error) }, "what was learnt of this line cannot be kept"),
    );
  }

  /** One after the other: two at once would write into the same file. */
  #save(station: Station, also: Also): Promise<void> {
    const saved = this.#writing.then(() => this.#write(station, also));
    this.#writing = saved.catch(() => undefined);
    return saved;
  }

  async #write(station: Station, also: Also): Promise<void> {
    const { files } = this.#with;
    const { key, watch, sheets } = station;
    station.changed = false;
    if (also.reference === true && watch.reference !== null) await files.saveReference(key, watch.reference);
    await files.saveState(key, watch.state);
    if (also.sheets === true) await files.saveSheets(key, sheets.kept);
  }
}

interface Also {
  readonly reference?: boolean;
  readonly sheets?: boolean;
}

const keyOf = ({ name, bundle }: Recipe): StationKey => ({ recipe: name, modelSha256: bundle.modelSha256 });

const withEmbeddings = <T extends { readonly whitening: unknown }>(baseline: T | null | undefined): T | null =>
  baseline?.whitening == null ? null : baseline;
