import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** FS_IOC_SHUTDOWN with NOLOGFLUSH (2): the file system stops as it is, nothing unsynced reaches the disk any more. */
const SHUTDOWN =
  "import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

/** An ext4 file system of its own in a file: what happens to it happens to nothing else. */
export class LoopDisk {
  readonly path: string;
  readonly #directory: string;
  #mounted = false;

  private constructor(directory: string) {
    this.#directory = directory;
    this.path = join(directory, "disk");
  }

  /** Undefined, with the reason printed, where this machine does not let us mount (no root, no loop devices). */
  static create(sizeBytes: number): LoopDisk | undefined {
    const disk = new LoopDisk(mkdtempSync(join(tmpdir(), "sightline-disk-")));
    try {
      mkdirSync(disk.path);
      execFileSync("fallocate", ["-l", String(sizeBytes), disk.#image], { stdio: "pipe" });
      execFileSync("mkfs.ext4", ["-q", "-F", "-m", "0", disk.#image], { stdio: "pipe" });
      disk.mount();
      return disk;
    } catch (error) {
      disk.destroy();
      console.warn(
        `skipped: no file system can be mounted here (${error instanceof Error ? error.message.split("\n")[0] : error})`,
      );
      return undefined;
    }
  }

  mount(): void {
    execFileSync("mount", ["-o", "loop", this.#image, this.path], { stdio: "pipe" });
    this.#mounted = true;
  }

  unmount(): void {
    if (this.#mounted) execFileSync("umount", [this.path], { stdio: "pipe" });
    this.#mounted = false;
  }

  /** Does not block: what a writer reports until the very end must be read, or it stops reporting. */
  async cutPower(): Promise<void> {
    await promisify(execFile)("python3", ["-c", SHUTDOWN, this.path]);
  }

  destroy(): void {
    this.unmount();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #image(): string {
    return join(this.#directory, "image");
  }
}
