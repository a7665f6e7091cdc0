import { HttpRefusal } from "../../http/error-reply.ts";
import { secondsToNextDay } from "./day-usage.ts";

const LIMITED = { cases: "its daily number of hard cases", bytes: "its daily bytes of images" } as const;

/** `at`: Unix ms. */
export const dailyLimit = (what: keyof typeof LIMITED, at: number): HttpRefusal =>
  new HttpRefusal(
    429,
    "DAILY_LIMIT",
    `This device has sent ${LIMITED[what]}; the next day begins at midnight UTC, and an engineer can raise the limit.`,
    { "retry-after": String(secondsToNextDay(at)) },
  );
