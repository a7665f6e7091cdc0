import { createHash } from "node:crypto";

export interface BrokerOptions {
  /** mqtt:// or mqtts:// with host and port. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** PEM files. `caPath` alone checks the broker; certificate and key identify this device. */
  readonly caPath?: string;
  readonly certificatePath?: string;
  readonly keyPath?: string;
  /** `ROOT` of the topics, by habit enterprise/site/area/line. */
  readonly root: string;
  readonly device: string;
  readonly keepaliveS: number;
  /** How long a broker keeps commands for a device that is away (MQTT 5; longer is up to a 3.1.1 broker). */
  readonly sessionExpiryS: number;
  /** The last will is published this late, so that a short break does not show as offline (MQTT 5). */
  readonly willDelayS: number;
  readonly connectTimeoutMs: number;
}

const DEFAULTS = { keepaliveS: 15, sessionExpiryS: 7 * 86_400, willDelayS: 5, connectTimeoutMs: 10_000 } as const;

export type BrokerSettings = Pick<BrokerOptions, "url" | "root" | "device"> & Partial<BrokerOptions>;

export const brokerOptions = (settings: BrokerSettings): BrokerOptions => ({ ...DEFAULTS, ...settings });

/** The same after every start, or the broker would not know whose commands it keeps; another for each line. */
export function clientIdOf(root: string, device: string): string {
  const place = createHash("sha256").update(`${root}/${device}`).digest("hex").slice(0, 8);
  return `sightline-${device}-${place}`;
}

/** Fit for logs and pages. */
export function withoutSecrets(url: string): string {
  try {
    const parsed = new URL(url);
    parsed.username = "";
    parsed.password = "";
    parsed.search = "";
    return parsed.href;
  } catch {
    return "(not a URL)";
  }
}
