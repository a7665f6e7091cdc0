import { z } from "zod";

export const colourOption = z
  .enum(["rgb", "grey"])
  .default("rgb")
  .describe("rgb: three channels; grey: one, a third of the bytes");

/** How much older a picture is than its arrival, so that none exposed before a trigger is taken for its part. */
export const deliveryDelayOption = (defaultMs: number) =>
  z
    .number()
    .min(0)
    .max(60_000)
    .default(defaultMs)
    .describe("ms from exposure to arrival; a triggered part gets the first frame exposed after its trigger");
