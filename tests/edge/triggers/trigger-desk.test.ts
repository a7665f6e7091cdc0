import { expect, test } from "vitest";
import type { Verdict } from "../../../src/contracts/verdict.ts";
import type { IncomingTrigger } from "../../../src/edge/line.ts";
import { TriggerDesk, type TriggerDeskCollaborators } from "../../../src/edge/triggers/trigger-desk.ts";
import type { CapturedFrame } from "../../../src/pipeline/frame.ts";
import { FakeClock, settled } from "../../fakes/fake-clock.ts";
import { verdictOf } from "../reject-signal/verdict-of.ts";

const frame: CapturedFrame = {
  kind: "damaged",
  reason: "torn",
  detail: "",
  seq: 4,
  capturedAt: 0 as never,
  capturedTick: 0 as never,
  metadata: {},
};

/** A disk that answers when told to, and a line that judges each trigger at once. */
function open(live: boolean) {
  const clock = new FakeClock();
  const accepted: IncomingTrigger[] = [];
  const asked: { tick: number; signal: AbortSignal }[] = [];
  let answer: (verdict: Verdict | undefined) => void = () => undefined;
  const collaborators: TriggerDeskCollaborators = {
    clock,
    live,
    deadlineMs: () => 100,
    journal: { verdictOfRequest: () => new Promise((resolve) => (answer = resolve)) },
    accept: (trigger) => {
      accepted.push(trigger);
      return { recorded: Promise.resolve(), verdict: Promise.resolve(verdictOf("pass")) };
    },
    nextFrameAfter: async (tick, signal) => {
      asked.push({ tick, signal });
      return frame;
    },
  };
  return { clock, accepted, asked, desk: new TriggerDesk(collaborators), disk: (verdict?: Verdict) => answer(verdict) };
}

test("the camera is asked for the part's frame at once, however long the disk takes to know the request", async () => {
  const { clock, accepted, asked, desk, disk } = open(true);
  const { verdict } = desk.take({ schema: 1, id: "plc-1" }, { source: "mqtt" });
  expect(asked).toMatchObject([{ tick: 0 }]);
  await clock.advance(40);
  disk();
  await verdict;
  expect(accepted).toMatchObject([{ receivedTick: 0, requestId: "plc-1" }]);
  expect(await accepted[0]?.capture(new AbortController().signal)).toBe(frame);
  expect(asked).toHaveLength(1);
  expect(asked[0]?.signal.aborted, "nobody waits for a frame any more").toBe(true);
});

test("a repeated request gets the verdict it had and takes no file from a source that waits", async () => {
  const { accepted, asked, desk, disk } = open(false);
  const { verdict } = desk.take({ schema: 1, id: "plc-1" }, { source: "http" });
  const known = verdictOf("reject");
  disk(known);
  expect(await verdict).toBe(known);
  expect([accepted, asked]).toEqual([[], []]);
});

test("a disk that does not answer takes no more than half of the part's time", async () => {
  const { clock, accepted, desk } = open(true);
  desk.take({ schema: 1, id: "plc-1" }, { source: "mqtt" });
  await clock.advance(49);
  await settled();
  expect(accepted).toHaveLength(0);
  await clock.advance(1);
  await settled();
  expect(accepted).toHaveLength(1);
});
