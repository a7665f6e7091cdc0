const note = (text: string): void => void process.stderr.write(`${text}\n`);

/** The first Ctrl-C or SIGTERM ends the training and keeps the best so far; the second ends everything. */
export function listenForInterrupt(): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(1);
    note("stopping: the best so far is quantised and written; once more to drop it");
    controller.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    stop: () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal),
  };
}
