import { createServer } from "node:net";
import { messageOf } from "../../contracts/errors.ts";
import { connectToBroker, type BrokerConnection } from "../../pipeline/publish/broker-connection.ts";
import { brokerOptions, withoutSecrets } from "../../pipeline/publish/broker-options.ts";
import { saysOtherProtocol } from "../../pipeline/publish/broker-sentences.ts";
import type { Clock } from "../../platform/clock.ts";
import { brokerSettings } from "../broker-settings.ts";
import type { DeviceConfig } from "../device-config.ts";
import { readSecret } from "../../config/secret.ts";
import { probeRejectSignal } from "../reject-signal/probe-reject-signal.ts";
import { failure, fine, warning, type Finding } from "./finding.ts";

const BROKER_TIMEOUT_MS = 5_000;
/** Both protocol versions in turn; MQTT.js keeps the shorter time for each. */
const BOTH_PROTOCOLS_TIMEOUT_MS = 12_000;
const HEALTH_TIMEOUT_MS = 2_000;

export type Environment = Readonly<Record<string, string | undefined>>;

/** Connects as another client than the device, so that a running one is not thrown out, and leaves no session. */
export async function checkBroker({ mqtt, device }: DeviceConfig, environment: Environment): Promise<Finding> {
  if (mqtt === null)
    return warning(
      "no broker is configured: verdicts stay in the journal and on the status page",
      "set mqtt to send them",
    );
  const broker = withoutSecrets(mqtt.url);
  try {
    const settings = await brokerSettings(mqtt, `${device}-doctor`, environment);
    const options = brokerOptions({ ...settings, sessionExpiryS: 0, connectTimeoutMs: BROKER_TIMEOUT_MS });
    const parts = {
      will: { topic: `${mqtt.root}/${device}-doctor/state`, payload: "" },
      onMessage: () => Promise.resolve(),
      signal: AbortSignal.timeout(BOTH_PROTOCOLS_TIMEOUT_MS),
    };
    const connect = (protocolVersion: 4 | 5): Promise<BrokerConnection> =>
      connectToBroker(options, { ...parts, protocolVersion });
    const connection = await connect(5).catch((error: unknown) => {
      if (saysOtherProtocol(error)) return connect(4);
      throw error;
    });
    await connection.close();
    return fine(`${broker} lets the device in, MQTT ${connection.protocolVersion === 5 ? "5" : "3.1.1"}`);
  } catch (error) {
    return failure(
      `${broker}: ${messageOf(error)}`,
      "correct mqtt in the configuration, or start the broker; verdicts wait on disk meanwhile",
    );
  }
}

export async function checkRejectSignal({ rejectSignal }: DeviceConfig, clock: Clock): Promise<Finding> {
  if (rejectSignal.type === "none") return fine("none is configured: the PLC reads verdicts over MQTT or HTTP");
  const trouble = await probeRejectSignal(rejectSignal, clock);
  if (trouble === null) return fine(`${rejectSignal.type}: it can be reached (nothing was switched)`);
  return failure(
    trouble,
    "until it can be reached every part is rejected: check power, cable and address; see docs/reject-signal.md",
  );
}

export async function checkHttp({ http }: DeviceConfig, environment: Environment): Promise<Finding> {
  const { host, port, writeToken } = http;
  const address = `${host}:${port}`;
  const tokenTrouble =
    writeToken === undefined ? null : await readSecret(writeToken, environment).then(() => null, messageOf);
  if (tokenTrouble !== null) return failure(tokenTrouble, "set it, or remove http.writeToken");
  const code = await listenOnce(host, port);
  if (code === "EADDRINUSE") {
    if (await deviceAnswers(host, port)) return fine(`${address}: a device runs there already`);
    return failure(
      `${address} is taken by another program`,
      `\`ss -ltnp sport = :${port}\` names it: stop it, or change http.port`,
    );
  }
  if (code === "EACCES")
    return failure(`${address}: ports below 1024 need a privilege`, "use 8080, or a reverse proxy");
  if (code !== null)
    return failure(
      `${address} cannot be opened (${code})`,
      "http.host must be an address of this machine, 127.0.0.1 or 0.0.0.0",
    );
  if (writeToken === undefined && !isLoopback(host)) {
    return warning(
      `${address} is free, and without a token anybody in the network could trigger and switch recipes`,
      "set http.writeToken",
    );
  }
  return fine(`${address} is free`);
}

function listenOnce(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

async function deviceAnswers(host: string, port: number): Promise<boolean> {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
  return fetch(`http://${reachable}:${port}/api/v1/status`, { signal }).then(
    async (response) => response.ok && /"device"/.test(await response.text()),
    () => false,
  );
}

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");
