import { messageOf, SightlineError } from "../../contracts/errors.ts";
import { EnrolReply } from "../../contracts/hub-case.ts";
import type { Clock } from "../../platform/clock.ts";
import { Bandwidth } from "./bandwidth.ts";
import type { Credential } from "./credential.ts";
import { readAnswer } from "./hub-answer.ts";
import { HubClient, type HubAddress } from "./hub-client.ts";

const PATIENCE_MS = 15_000;

/**
 * Trades a one-time code for this device's own credential. Throws HUB_REFUSES where the hub declines it or gives it to
 * another device, and HUB_UNREACHABLE.
 */
export async function enrol(address: HubAddress, code: string, device: string, clock: Clock): Promise<Credential> {
  const client = new HubClient(address, new Bandwidth(null, clock));
  try {
    const reply = await client.ask({
      method: "POST",
      path: "/api/v1/enrol",
      credential: null,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const answer = readAnswer(reply, EnrolReply, clock.wallNow());
    if (answer.kind === "away" || answer.kind === "limited")
      throw new SightlineError("HUB_UNREACHABLE", `${address.url}: ${answer.sentence}`);
    if (answer.kind !== "ok")
      throw new SightlineError(
        "HUB_REFUSES",
        `${address.url}: ${answer.sentence}; a code serves once and for a short time: ask for a new one`,
      );
    if (answer.value.device !== device)
      throw new SightlineError(
        "HUB_REFUSES",
        `the code was made for the device "${answer.value.device}" and the configuration is that of "${device}": ` +
          `ask for a code for "${device}", or correct device in the configuration`,
      );
    return { hub: address.url, ...answer.value };
  } catch (error) {
    if (error instanceof SightlineError) throw error;
    throw new SightlineError("HUB_UNREACHABLE", `${address.url}: ${messageOf(error)}`, { cause: error });
  } finally {
    client.close();
  }
}
