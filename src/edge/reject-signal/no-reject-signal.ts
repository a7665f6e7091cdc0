import type { RejectSignal } from "./reject-signal.ts";

/** For lines whose PLC reads verdicts over MQTT or HTTP. */
export const noRejectSignal: RejectSignal = {
  name: "reject signal",
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  signal: () => undefined,
  status: () => ({
    type: "none",
    connected: true,
    sentence: null,
    passCount: 0,
    missedPassCount: 0,
    overlapCount: 0,
    lateWriteCount: 0,
    restartCount: 0,
  }),
};
