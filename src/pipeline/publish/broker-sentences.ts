import { messageOf } from "../../contracts/errors.ts";

/** MQTT 5.0, table 2-6, those a publisher meets. */
const REFUSALS: Readonly<Record<number, string>> = {
  0x80: "the broker refused the message without a reason",
  0x83: "the broker has a rule against this message",
  0x87: "the broker does not let this device publish here: check its access list",
  0x90: "the broker does not accept the topic: check mqtt.root",
  0x91: "the broker still waits for an earlier message with this number",
  0x97: "the broker's quota is used up",
  0x99: "the broker does not accept the payload's format",
};

const SOCKET_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens at that address: is the broker running?",
  ENOTFOUND: "its name cannot be resolved: check the name and the DNS",
  EAI_AGAIN: "its name cannot be resolved at the moment: check the network",
  ETIMEDOUT: "it does not answer: check the network and the firewall",
  EHOSTUNREACH: "there is no way to its address: check the network",
  ENETUNREACH: "there is no network",
  ECONNRESET: "it broke the connection off",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed: name its authority in mqtt.caFile",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is of an unknown authority: name that in mqtt.caFile",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is of an unknown authority: name that in mqtt.caFile",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is of an unknown authority: name that in mqtt.caFile",
  CERT_HAS_EXPIRED: "its certificate has expired (or this device's clock is wrong)",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

const CONNECT_REFUSALS: Readonly<Record<number, string>> = {
  4: "user name or password is wrong",
  5: "it does not admit this device: check user name, password and access list",
  0x86: "user name or password is wrong",
  0x87: "it does not admit this device: check user name, password and access list",
  0x88: "it is not available at the moment",
  0x89: "it is busy",
  0x8a: "it has banned this device",
  0x97: "its quota is used up",
};

export const refusalSentence = (reasonCode: number): string =>
  REFUSALS[reasonCode] ?? `the broker refused the message (reason 0x${reasonCode.toString(16)})`;

export function connectionSentence(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code === "number") return CONNECT_REFUSALS[code] ?? messageOf(error);
  return (typeof code === "string" ? SOCKET_ERRORS[code] : undefined) ?? messageOf(error);
}

/** A broker without MQTT 5 says "unacceptable protocol version", or answers what cannot be read, or hangs up. */
export function saysOtherProtocol(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error)) return false;
  const code = "code" in cause ? cause.code : undefined;
  if (typeof code === "number") return code === 1 || code === 0x84;
  return code === undefined || code === "ECONNRESET";
}
