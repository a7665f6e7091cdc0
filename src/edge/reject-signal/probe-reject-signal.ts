import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../contracts/errors.ts";
import type { Clock } from "../../platform/clock.ts";
import type { RejectSignalConfig } from "../device-config.ts";
import { findGpioset } from "./gpioset.ts";
import { openModbusLink } from "./modbus-link.ts";

const TIMEOUT_MS = 3_000;

/** Whether the wire can be reached, without switching anything: a line may be running. Null, or what is wrong. */
export async function probeRejectSignal(config: RejectSignalConfig, clock: Clock): Promise<string | null> {
  switch (config.type) {
    case "none":
      return null;
    case "modbus":
      return probeModbus(config, clock);
    case "gpio":
      return probeGpio(config.chip);
  }
}

async function probeModbus(
  config: Extract<RejectSignalConfig, { type: "modbus" }>,
  clock: Clock,
): Promise<string | null> {
  const { host, port, unit, passCoil } = config;
  const tooLong = new AbortController();
  const cancel = clock.after(TIMEOUT_MS, () => tooLong.abort(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
  try {
    const link = await openModbusLink(
      { host, port, unit, answerTimeoutMs: TIMEOUT_MS, onClosed: () => undefined },
      tooLong.signal,
    );
    try {
      await link.readCoil(passCoil);
      return null;
    } finally {
      link.destroy();
    }
  } catch (error) {
    return `${host}:${port} unit ${unit}, coil ${passCoil}: ${messageOf(error)}`;
  } finally {
    cancel();
  }
}

async function probeGpio(chip: string): Promise<string | null> {
  const gpioset = await findGpioset();
  if (typeof gpioset === "string") return gpioset;
  const path = join("/dev", chip);
  const failure = await access(path, constants.R_OK | constants.W_OK).then(() => null, messageOf);
  return failure === null ? null : `${path} cannot be opened (${failure})`;
}
