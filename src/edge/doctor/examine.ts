import { messageOf } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Logger } from "../../platform/logger.ts";
import { openFrameSource } from "../camera-config.ts";
import type { DeviceConfig } from "../device-config.ts";
import { checkCamera, checkCameraPrograms } from "./camera-check.ts";
import { failure, fine, type Check, type Finding } from "./finding.ts";
import { inferenceChecks } from "./inference-checks.ts";
import { machineChecks } from "./machine-checks.ts";
import { checkHub } from "./hub-check.ts";
import { checkBroker, checkHttp, checkRejectSignal, type Environment } from "./network-checks.ts";
import { checkReleases } from "./release-check.ts";
import { checkStorage } from "./storage-check.ts";

export interface CheckResult extends Finding {
  readonly name: string;
}

export interface ExaminationParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly environment: Environment;
  /** Run each recipe's golden frames through an inference process. */
  readonly runModel: boolean;
}

/** `config`: null without one; a sentence when it is not valid, and then only the machine is examined. */
export async function* examine(
  config: DeviceConfig | string | null,
  parts: ExaminationParts,
): AsyncGenerator<CheckResult, void, void> {
  for (const check of checksFor(config, parts)) {
    const finding = await check
      .look()
      .catch((error: unknown) => failure(messageOf(error), "this should not happen: please report it"));
    yield { name: check.name, ...finding };
  }
}

function checksFor(config: DeviceConfig | string | null, parts: ExaminationParts): Check[] {
  const { clock, log, runModel, environment } = parts;
  if (config === null || typeof config === "string") {
    const invalid = {
      name: "configuration",
      look: async () => failure(config ?? "", "correct it; firmware-config/ has examples"),
    };
    return [
      ...(config === null ? [] : [invalid]),
      ...machineChecks,
      { name: "cameras", look: checkCameraPrograms },
      ...inferenceChecks({ provider: "auto", recipes: [], runModel, clock, log }),
    ];
  }
  return [
    { name: "configuration", look: async () => fine(`${config.device}: valid`) },
    ...machineChecks,
    { name: "storage", look: () => checkStorage(config, clock) },
    { name: "camera", look: () => checkCamera(openFrameSource(config.camera, clock), clock) },
    ...inferenceChecks({ provider: config.inference.provider, recipes: config.recipes, runModel, clock, log }),
    { name: "broker", look: () => checkBroker(config, environment) },
    { name: "hub", look: () => checkHub(config, clock) },
    { name: "releases", look: () => checkReleases(config, clock) },
    { name: "reject signal", look: () => checkRejectSignal(config, clock) },
    { name: "http", look: () => checkHttp(config, environment) },
  ];
}
