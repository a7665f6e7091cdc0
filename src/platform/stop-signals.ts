/** Ctrl-C reaches every process of a terminal's group, and a launcher hands it on: the same wish arrives twice. */
const ONE_WISH_MS = 1000;

/** Resolves with the first of SIGINT, SIGTERM and SIGHUP. A second one, a second later, ends the process at once. */
export function untilStopped(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let firstTick: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (firstTick !== undefined && performance.now() - firstTick > ONE_WISH_MS) process.exit(1);
      firstTick ??= performance.now();
      resolve(signal);
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  });
}
