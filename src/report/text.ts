import type { Interval } from "../statistics/intervals.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Names of files and classes come from outside. */
export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);

/** A share as a percentage with two significant digits below 10 % ("0.37 %"), one decimal above. */
export function percentText(share: number): string {
  const percent = share * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  // 99.96 % must not read as 100 %.
  if (percent > 99) return `${percent.toFixed(2)} %`;
  return `${percent < 10 ? Number(percent.toPrecision(2)) : Number(percent.toFixed(1))} %`;
}

export const intervalText = ({ low, high }: Interval): string => `${percentText(low)} to ${percentText(high)}`;
