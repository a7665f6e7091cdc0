import { access, constants, stat } from "node:fs/promises";
import { SightlineError, type ErrorCode } from "../../contracts/errors.ts";
import { findProgram } from "../../platform/child-program.ts";
import { maskCredentials } from "./mask-credentials.ts";

const APT_PACKAGES = {
  ffmpeg: "ffmpeg",
  "gst-launch-1.0": "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good",
  fswebcam: "fswebcam",
} as const;
export type CameraProgram = keyof typeof APT_PACKAGES;

/** Path of a program a source needs; throws PROGRAM_MISSING with the command that installs it. */
export async function requireProgram(name: CameraProgram): Promise<string> {
  const path = await findProgram(name);
  if (path !== undefined) return path;
  const remedy = `install it with: sudo apt-get install ${APT_PACKAGES[name]}`;
  throw new SightlineError("PROGRAM_MISSING", `${name} was not found on PATH; ${remedy}`);
}

const NO_DEVICE = "is not there; plug the camera in and look at what `ls /dev/video*` shows";
const NO_PERMISSION =
  "may not be opened by this user; add it to the video group (sudo usermod -aG video USER) and log in again, " +
  "for a service set SupplementaryGroups=video";
const BUSY = "is in use by another program; `fuser -v` with its path names that program: stop it";
const NOT_A_CAMERA = "is not a camera; look at what `v4l2-ctl --list-devices` shows";

/** Throws CAMERA_UNAVAILABLE when `devicePath` cannot be a camera this process may open. Busy shows only on capture. */
export async function checkDevice(devicePath: string): Promise<void> {
  const unavailable = (sentence: string): never => {
    throw new SightlineError("CAMERA_UNAVAILABLE", `${devicePath} ${sentence}`);
  };
  try {
    if (!(await stat(devicePath)).isCharacterDevice()) unavailable(NOT_A_CAMERA);
    await access(devicePath, constants.R_OK | constants.W_OK);
  } catch (error) {
    if (error instanceof SightlineError) throw error;
    const errno = (error as NodeJS.ErrnoException).code; // fs errors carry it
    unavailable(errno === "EACCES" || errno === "EPERM" ? NO_PERMISSION : NO_DEVICE);
  }
}

interface Complaint {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  /** Follows what is being opened: "/dev/video0 is not there …". */
  readonly sentence: string;
}

/** What ffmpeg and GStreamer say on standard error; the first that fits counts. */
const COMPLAINTS: readonly Complaint[] = [
  { pattern: /device or resource busy|\bis busy\b/i, code: "CAMERA_UNAVAILABLE", sentence: BUSY },
  {
    pattern: /401 unauthorized|403 forbidden|not authorized/i,
    code: "CAMERA_UNAVAILABLE",
    sentence: "refuses the user name or password; correct them in the source's url",
  },
  {
    pattern: /404 not found|454 session/i,
    code: "CAMERA_UNAVAILABLE",
    sentence: "does not exist on that server; compare the path in the url with the camera's manual",
  },
  {
    pattern: /connection refused/i,
    code: "CAMERA_UNAVAILABLE",
    sentence: "refuses the connection; check the address and port, and that the camera's stream is switched on",
  },
  {
    pattern: /no route to host|network is unreachable|connection timed out/i,
    code: "CAMERA_UNAVAILABLE",
    sentence: "cannot be reached; check the camera's power, cable and address (`ping` it)",
  },
  {
    pattern: /failed to resolve hostname|name or service not known/i,
    code: "CAMERA_UNAVAILABLE",
    sentence: "has a host name that cannot be resolved; check its spelling or use the camera's IP address",
  },
  { pattern: /permission denied|operation not permitted/i, code: "CAMERA_UNAVAILABLE", sentence: NO_PERMISSION },
  { pattern: /inappropriate ioctl|not a (video )?capture device/i, code: "CAMERA_UNAVAILABLE", sentence: NOT_A_CAMERA },
  {
    pattern: /missing a plug-in/i,
    code: "PROGRAM_MISSING",
    sentence:
      "needs a GStreamer plug-in; install it with: sudo apt-get install " +
      "gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav",
  },
  {
    pattern: /could not find camera/i,
    code: "CAMERA_UNAVAILABLE",
    sentence: "finds no such GenICam camera; `arv-tool-0.8` lists those that answer",
  },
  { pattern: /cannot identify device|no such device/i, code: "CAMERA_UNAVAILABLE", sentence: NO_DEVICE },
  {
    pattern: /invalid data found|moov atom not found|could not find codec parameters|type could not be determined/i,
    code: "CAMERA_UNAVAILABLE",
    sentence: "delivers no video that can be decoded; play it with ffplay to see more",
  },
];

/** The error for a capture program that ended: a known complaint with its remedy, else its own last line. */
export function explainEnd(origin: string, stderrTail: string, ended: string, sawFrames: boolean): SightlineError {
  const element = /no element "([^"]+)"/.exec(stderrTail)?.[1];
  if (element !== undefined) {
    const detail = `GStreamer has no element ${element}; ${packageOf(element)}`;
    return new SightlineError("PROGRAM_MISSING", detail);
  }
  const complaints = withoutChatter(stderrTail);
  const known = COMPLAINTS.find((complaint) => complaint.pattern.test(complaints));
  if (known !== undefined) return new SightlineError(known.code, `${origin} ${known.sentence}`);
  const said = decisiveLine(complaints);
  const detail = `${origin}: ${ended}${said === "" ? "" : `, saying: ${said}`}`;
  return new SightlineError(sawFrames ? "CAMERA_LOST" : "CAMERA_UNAVAILABLE", detail);
}

/** ffmpeg marks every line with its level; of those below a warning none is a complaint. */
const withoutChatter = (stderrTail: string): string =>
  stderrTail
    .split("\n")
    .filter((line) => !/\[(verbose|info|debug)\] /.test(line))
    .join("\n");

/** GStreamer's first complaint is the cause, ffmpeg's last; bounded, without passwords. */
function decisiveLine(complaints: string): string {
  const lines = complaints
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const line = lines.find((candidate) => /^(ERROR|WARNING): /.test(candidate)) ?? lines.at(-1) ?? "";
  const bare = line.replace(/^(ERROR|WARNING): (from element \S+ )?/, "").replace(/\[(error|fatal|warning)\] /, "");
  return maskCredentials(bare).slice(0, 300);
}

function packageOf(element: string): string {
  if (element.startsWith("nv")) return "it comes with NVIDIA's JetPack (nvidia-l4t-gstreamer), on a Jetson only";
  if (element === "aravissrc") return "install it with: sudo apt-get install libaravis-0.8-0 aravis-tools-cli";
  return "install it with: sudo apt-get install gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav";
}
