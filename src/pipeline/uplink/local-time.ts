import { z } from "zod";
import type { WallClockMs } from "../../platform/clock.ts";

const TimeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "a time of day as HH:MM, 00:00 to 23:59");

/** Part of a day, local time; `to` is not in it. It may pass midnight; two equal times are the whole day. */
export const TimeWindow = z.strictObject({ from: TimeOfDay, to: TimeOfDay });
export type TimeWindow = z.infer<typeof TimeWindow>;

export interface LocalTime {
  /** Calendar day, YYYY-MM-DD. */
  readonly day: string;
  /** 0 to 1439. */
  readonly minute: number;
}

export type LocalClock = (at: WallClockMs) => LocalTime;

/** Day and minute at the plant. `timeZone` is an IANA name; undefined: the machine's own. */
export function localClock(timeZone: string | undefined): LocalClock {
  const format = new Intl.DateTimeFormat("en-GB", {
    ...(timeZone === undefined ? {} : { timeZone }),
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "00";
    return {
      day: `${part("year")}-${part("month")}-${part("day")}`,
      minute: Number(part("hour")) * 60 + Number(part("minute")),
    };
  };
}

/** False for a name that the machine does not know. */
export function isTimeZone(name: string): boolean {
  try {
    localClock(name);
    return true;
  } catch {
    return false;
  }
}

export function holds(window: TimeWindow, { minute }: LocalTime): boolean {
  const from = minuteOf(window.from);
  const to = minuteOf(window.to);
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

const minuteOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
