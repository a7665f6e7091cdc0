export interface Service {
  readonly name: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface RunningServices {
  /** Stops in reverse order; every service is stopped even if one before it fails. */
  stop(): Promise<void>;
}

/** Starts in order; a failed start stops what was already up and rethrows. */
export async function startServices(
  services: readonly Service[],
  onStopError: (serviceName: string, error: unknown) => void,
): Promise<RunningServices> {
  const started: Service[] = [];
  const stop = async (): Promise<void> => {
    for (const service of started.splice(0).reverse()) {
      await service.stop().catch((error: unknown) => onStopError(service.name, error));
    }
  };
  try {
    for (const service of services) {
      started.push(service);
      await service.start();
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
