import { pino, type Logger as PinoLogger } from "pino";
import { pinoPretty } from "./pino-pretty.ts";

/** Message is a constant sentence; data are fields. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: { component: string }): Logger;
}

export interface LoggerOptions {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  /** `auto`: readable on a terminal, JSON elsewhere. */
  readonly format: "auto" | "json" | "pretty";
}

/** Logs go to stderr: stdout belongs to a command's results. */
export function createLogger(options: LoggerOptions): Logger {
  const pretty = options.format === "pretty" || (options.format === "auto" && process.stderr.isTTY === true);
  const settings = { level: options.level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const logger: PinoLogger = pretty ? pino(settings, pinoPretty()) : pino(settings, pino.destination(2));
  return logger;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/** Calls `report` only when the value differs from the one before: log at the change, not in the loop. */
export function onChange<T>(report: (now: T, before: T | undefined) => void): (now: T) => void {
  let before: T | undefined;
  return (now) => {
    if (Object.is(now, before)) return;
    const previous = before;
    before = now;
    report(now, previous);
  };
}
