/** One command of the command line. `run` resolves with the exit code: 0 done, 1 failed, 2 wrong usage or config. */
export interface Command {
  readonly name: string;
  /** Half a line for the overview. */
  readonly summary: string;
  run(args: string[]): Promise<number>;
}
