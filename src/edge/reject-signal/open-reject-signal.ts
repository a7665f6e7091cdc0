import type { RejectSignalConfig } from "../device-config.ts";
import { GpioRejectSignal } from "./gpio-reject-signal.ts";
import { ModbusRejectSignal } from "./modbus-reject-signal.ts";
import { noRejectSignal } from "./no-reject-signal.ts";
import type { RejectSignal, RejectSignalParts } from "./reject-signal.ts";

export function openRejectSignal(config: RejectSignalConfig, parts: RejectSignalParts): RejectSignal {
  switch (config.type) {
    case "none":
      return noRejectSignal;
    case "modbus":
      return new ModbusRejectSignal(config, parts);
    case "gpio":
      return new GpioRejectSignal(config, parts);
  }
}
