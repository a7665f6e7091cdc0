import type { DeviceOrders } from "../../contracts/hub-case.ts";
import { holds, type LocalTime } from "./local-time.ts";
import type { SpoolFigures } from "./spool-messages.ts";
import type { BudgetOptions } from "./uplink-options.ts";

/** Why no case is sent now, in words for the status page. */
export type Hold = "quiet hours" | "the day's number of cases is sent" | "the day's bytes are sent";

export type Allowance = { readonly ok: true; readonly mostBytes: number } | { readonly ok: false; readonly hold: Hold };

type DayFigures = Pick<SpoolFigures, "day" | "dayCases" | "dayBytes">;

/** Whether a case may be sent now, and how large its image may be. The hub may lower the plant's budget, not raise it. */
export function allowance(
  budget: BudgetOptions,
  limits: DeviceOrders["limits"] | null,
  used: DayFigures,
  now: LocalTime,
): Allowance {
  if (budget.quietHours.some((window) => holds(window, now))) return { ok: false, hold: "quiet hours" };
  const today = used.day === now.day ? used : { dayCases: 0, dayBytes: 0 };
  const least = (own: number | null, hubs: number | undefined): number => Math.min(own ?? Infinity, hubs ?? Infinity);
  if (today.dayCases >= least(budget.dailyCases, limits?.dailyCases))
    return { ok: false, hold: "the day's number of cases is sent" };
  const mostBytes = least(budget.dailyBytes, limits?.dailyBytes) - today.dayBytes;
  if (mostBytes <= 0) return { ok: false, hold: "the day's bytes are sent" };
  return { ok: true, mostBytes: Math.min(mostBytes, Number.MAX_SAFE_INTEGER) };
}
