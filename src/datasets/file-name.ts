import { createHash } from "node:crypto";

/** Longest path a listing may name, bytes; file systems take no more. */
const MOST_PATH_BYTES = 4096;
const MOST_NAME_BYTES = 255;
const SHOWN_CHARACTERS = 120;

/** `file` of a listing with forward slashes: listings written on Windows have others. */
export const withForwardSlashes = (file: string): string => file.replaceAll("\\", "/");

/**
 * Why a file name from a listing (CSV, COCO, …) must not be followed, as half a sentence; null where it may. Names are
 * relative to the folder of the images, with forward slashes.
 */
export function fileNameFault(file: string): string | null {
  if (file === "") return "no file name";
  if (file.includes("\0")) return "its name holds a NUL character";
  if (file.startsWith("/") || /^[A-Za-z]:/.test(file)) return "its name is absolute; names are relative to the folder";
  const names = file.split("/");
  if (names.includes("..")) return "its name leads out of the folder (..)";
  if (Buffer.byteLength(file) > MOST_PATH_BYTES || names.some((name) => Buffer.byteLength(name) > MOST_NAME_BYTES)) {
    return `its name is longer than a file's can be (${file.length} characters)`;
  }
  return null;
}

/** For people: cut short where it is endless, with no character that a terminal would act on. */
export function shownName(file: string): string {
  const clean = file.replace(/\p{Cc}/gu, (sign) => `\\x${sign.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return clean.length <= SHOWN_CHARACTERS ? clean : `${clean.slice(0, SHOWN_CHARACTERS)}… (${clean.length} characters)`;
}

/** Below a data set these hold no class. */
const TAKEN_NAMES = new Set(["masks", "images", "data", "con", "prn", "aux", "nul"]);
export const UNLABELLED_FOLDER = "unlabelled";

/** A folder's name for a label: the label itself where it can be one, else made from its hash. */
export function folderOfLabel(label: string): string {
  if (label === "") return UNLABELLED_FOLDER;
  const fits = /^[\p{L}\p{N}](?:[\p{L}\p{N} ._-]*[\p{L}\p{N}_-])?$/u.test(label) && Buffer.byteLength(label) <= 64;
  if (fits && !TAKEN_NAMES.has(label.toLowerCase()) && label !== UNLABELLED_FOLDER) return label;
  return `label-${createHash("sha256").update(label).digest("hex").slice(0, 12)}`;
}

/** The mask that belongs to `file`, relative to the data set's folder. */
export const maskFileOf = (file: string): string => `masks/${file.replace(/\.[^./]+$/, "")}.png`;
