import { messageOf } from "../../contracts/errors.ts";
import { DeviceOrders } from "../../contracts/hub-case.ts";
import { Bandwidth } from "../../pipeline/uplink/bandwidth.ts";
import { credentialPath, isOpenToOthers, readCredential } from "../../pipeline/uplink/credential.ts";
import { readAnswer } from "../../pipeline/uplink/hub-answer.ts";
import { HubClient } from "../../pipeline/uplink/hub-client.ts";
import type { Clock } from "../../platform/clock.ts";
import type { DeviceConfig } from "../device-config.ts";
import { hubAddress } from "../hub-side.ts";
import { failure, fine, warning, type Finding } from "./finding.ts";

const PATIENCE_MS = 10_000;

/** Enrolled, reachable, known there? Asks the hub for its orders, which changes nothing. */
export async function checkHub({ hub, device, dataDirectory }: DeviceConfig, clock: Clock): Promise<Finding> {
  if (hub === null) return fine("none is configured: verdicts are kept until the broker has taken them");
  const { url } = hub;
  if (url === undefined)
    return fine("it acknowledges over the broker; whether it does, the backlog on the status page shows");
  const path = credentialPath(dataDirectory);
  const enrolment = `sightline edge enrol --hub ${url} --code CODE --config FILE, with a code of the hub`;
  const credential = await readCredential(path).catch(messageOf);
  if (typeof credential === "string") return failure(credential, enrolment);
  if (credential === null) return failure(`this device is not enrolled at ${url}: nothing is sent`, enrolment);
  if (credential.device !== device)
    return failure(`the credential in ${path} is that of ${credential.device}, not of ${device}`, enrolment);
  if (await isOpenToOthers(path))
    return failure(`${path} can be read by other users of this machine`, `chmod 600 ${path}`);
  const client = new HubClient(await hubAddress(url, hub), new Bandwidth(null, clock));
  try {
    const question = {
      method: "GET",
      path: "/api/v1/device/orders",
      signal: AbortSignal.timeout(PATIENCE_MS),
    } as const;
    const reply = await client.ask({ ...question, credential: credential.credential });
    const answer = readAnswer(reply, DeviceOrders, clock.wallNow());
    if (answer.kind === "unauthorised") return failure(`${url}: ${answer.sentence}`, enrolment);
    if (answer.kind !== "ok")
      return failure(`${url}: ${answer.sentence}`, "look at the hub; everything is kept here meanwhile");
    const welcome = `${url} knows this device: project ${credential.project}, line ${credential.line}`;
    if (!url.startsWith("https:") && !isLoopback(url))
      return warning(`${welcome}; images and the credential travel unencrypted`, "use https://");
    return fine(welcome);
  } catch (error) {
    return failure(`${url}: ${messageOf(error)}`, "correct hub.url, or start the hub; everything is kept meanwhile");
  } finally {
    client.close();
  }
}

const isLoopback = (url: string): boolean => /^http:\/\/(localhost|127\.|\[::1\])/.test(url);
