import type { z } from "zod";
import { messageOf } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import { onChange, type Logger } from "../../platform/logger.ts";
import { readCredential, type Credential } from "./credential.ts";
import { readAnswer, troubleOf, type HubAnswer, type HubReply } from "./hub-answer.ts";
import type { HubClient, HubRequest } from "./hub-client.ts";
import { HubPause } from "./hub-pause.ts";

const LOOK_FOR_CREDENTIAL_MS = 2000;

export type HubQuestion = Omit<HubRequest, "credential">;

export interface HubLinkParts {
  readonly client: HubClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly credentialPath: string;
}

/** This device at its hub: who it is there, and whether the hub may be asked now. */
export class HubLink {
  readonly #with: HubLinkParts;
  readonly #pause: HubPause;
  readonly #report: (sentence: string | null) => void;
  #credential: Credential | null = null;
  #credentialTrouble: string | null = null;
  #lookedTick = Number.NEGATIVE_INFINITY;
  /** Several ask at once at the start: all wait for the one look. */
  #looking: Promise<void> = Promise.resolve();

  constructor(parts: HubLinkParts) {
    this.#with = parts;
    this.#pause = new HubPause(parts.clock, parts.random);
    this.#report = onChange((sentence, before) => {
      if (sentence !== null) parts.log.warn({ reason: sentence }, "the hub takes nothing now");
      else if (before !== undefined) parts.log.info({}, "the hub takes cases and verdicts again");
    });
  }

  get credential(): Credential | null {
    return this.#credential;
  }

  /** Why this device cannot identify itself, or null. */
  get credentialTrouble(): string | null {
    return this.#credentialTrouble;
  }

  get pause(): Pick<HubPause, "trouble" | "troubleMs" | "connected" | "waitMs"> {
    return this.#pause;
  }

  /** 0: the hub may be asked. Looks for a credential where there is none, or where it was refused. */
  async waitMs(): Promise<number> {
    const refused = this.#pause.trouble?.kind === "unauthorised";
    if (this.#credential === null || refused) await this.#lookNowAndThen();
    if (this.#credential === null) return LOOK_FOR_CREDENTIAL_MS;
    return this.#pause.waitMs;
  }

  async ask<T>(question: HubQuestion, schema: z.ZodType<T>): Promise<HubAnswer<T>> {
    return this.#asked(question, (reply, nowMs) => readAnswer(reply, schema, nowMs));
  }

  /** For answers without a body. */
  async askWhether(question: HubQuestion): Promise<HubAnswer<true>> {
    return this.#asked(question, (reply, nowMs) => troubleOf(reply, nowMs) ?? { kind: "ok", value: true });
  }

  async #asked<T>(
    question: HubQuestion,
    read: (reply: HubReply, nowMs: number) => HubAnswer<T>,
  ): Promise<HubAnswer<T>> {
    const { client, clock } = this.#with;
    const askedTick = clock.tick();
    const credential = this.#credential?.credential ?? null;
    let answer: HubAnswer<T>;
    try {
      answer = read(await client.ask({ ...question, credential }), clock.wallNow());
    } catch (error) {
      question.signal.throwIfAborted();
      answer = { kind: "away", sentence: messageOf(error), retryAfterMs: null };
    }
    if (answer.kind === "away") this.#pause.failed("away", answer.sentence, askedTick, answer.retryAfterMs);
    else if (answer.kind === "unauthorised") this.#pause.failed("unauthorised", answer.sentence, askedTick);
    else this.#pause.succeeded();
    this.#report(this.#pause.trouble?.sentence ?? null);
    return answer;
  }

  #lookNowAndThen(): Promise<void> {
    const now = this.#with.clock.tick();
    if (now - this.#lookedTick < LOOK_FOR_CREDENTIAL_MS) return this.#looking;
    this.#lookedTick = now;
    this.#looking = this.#lookForCredential();
    return this.#looking;
  }

  async #lookForCredential(): Promise<void> {
    const { credentialPath } = this.#with;
    try {
      const found = await readCredential(credentialPath);
      if (found?.credential !== this.#credential?.credential) this.#pause.forget();
      this.#credential = found;
      this.#credentialTrouble = found === null ? "this device has not been enrolled at the hub" : null;
    } catch (error) {
      this.#credentialTrouble = messageOf(error);
    }
  }
}
