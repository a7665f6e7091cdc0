import { unlessAborted } from "./abort.ts";

export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunningServices {
  /** Stops in reverse order; every service is stopped even if one before it fails. */
  stop(): Promise<void>;
}

/** Starts in order; a failed start stops what was already up and rethrows. So does one during which `signal` aborts. */
export async function startServices(
  services: readonly Service[],
  onStopError: (serviceName: string, error: unknown) => void,
  signal?: AbortSignal,
): Promise<RunningServices> {
  const started: Service[] = [];
  const stop = async (): Promise<void> => {
    for (const service of started.splice(0).reverse()) {
      await service.stop().catch((error: unknown) => onStopError(service.name, error));
    }
  };
  try {
    for (const service of services) {
      signal?.throwIfAborted();
      started.push(service);
      await unlessAborted(service.start(), signal);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
