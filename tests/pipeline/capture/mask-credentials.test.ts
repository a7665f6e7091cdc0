import { expect, test } from "vitest";
import { maskCredentials } from "../../../src/pipeline/capture/mask-credentials.ts";

test.each([
  ["rtsp://admin:secret@camera/main", "rtsp://***@camera/main"],
  ["rtsp://admin:se@cret:x@10.0.0.1:554/a", "rtsp://***@10.0.0.1:554/a"],
  ["http://camera/a?user=me&pwd=secret&channel=1", "http://camera/a?user=***&pwd=***&channel=1"],
  [
    "rtspsrc location=rtsp://a:b@c user-id=me user-pw=secret ! x",
    "rtspsrc location=rtsp://***@c user-id=*** user-pw=*** ! x",
  ],
  ["http://camera/someone@example", "http://camera/someone@example"],
])("%s", (text, masked) => expect(maskCredentials(text)).toBe(masked));
