/** Reading the files users give us: fingerprints, traces. Gzip is recognized by its first bytes, not by the name. */
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, extname } from "node:path";
import { gunzipSync } from "node:zlib";
import { InputError } from "../core/input-error.ts";
import { nearestName } from "../core/nearest-name.ts";

export interface InputFile {
  readonly path: string;
  /** The unpacked contents. */
  readonly bytes: Uint8Array;
  /** Hex SHA-256 of the file as it is stored, packed or not: what digests of results refer to. */
  readonly sha256: string;
}

/**
 * Read a file, and unpack it if it is gzip. Throws an {@link InputError} when it is missing (with the nearest name in its
 * folder), a folder, empty, unreadable, named .gz but not gzip, or gzip that is truncated or damaged.
 */
export function readInputFile(path: string): InputFile {
  const stored = readStored(path);
  if (stored.length === 0) throw new InputError(`${path}: byte offset 0: the file is empty`);
  const sha256 = createHash("sha256").update(stored).digest("hex");
  return { path, bytes: isGzip(stored) ? unpack(stored, path) : requirePlain(stored, path), sha256 };
}

/** The text of a file; throws an {@link InputError} when it is not UTF-8, or is what no text holds: zero bytes. */
export function inputText({ bytes, path }: InputFile): string {
  const text = utf8(bytes);
  if (text === undefined || text.includes("\0"))
    throw new InputError(`${path}: not a text file; expected YAML in UTF-8`);
  return text;
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Read a file as text; see {@link readInputFile} and {@link inputText}. */
export function readInputText(path: string): string {
  return inputText(readInputFile(path));
}

function readStored(path: string): Uint8Array {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new InputError(`${path}: is a folder; expected a file`);
    if (!stat.isFile() && !stat.isFIFO()) throw new InputError(`${path}: is not a regular file`);
    return readFileSync(path);
  } catch (error) {
    throw error instanceof InputError ? error : cannotRead(path, error);
  }
}

function cannotRead(path: string, error: unknown): InputError {
  const code = errorCode(error);
  if (code === "ENOENT" || code === "ENOTDIR") return new InputError(`${path}: no such file${nearestFile(path)}`);
  if (code === "EACCES") return new InputError(`${path}: no permission to read the file`);
  if (code === "ERR_FS_FILE_TOO_LARGE") return new InputError(`${path}: the file is too large to be read at once`);
  return new InputError(`${path}: cannot be read (${code})`);
}

/** `; did you mean ...?` with the nearest name in the same folder, or what is wrong with the folder. */
function nearestFile(path: string): string {
  const folder = dirname(path);
  try {
    const nearest = nearestEntry(basename(path), readdirSync(folder).sort());
    if (nearest === undefined) return `; nothing in ${folder === "." ? "this folder" : folder} has a similar name`;
    return `; did you mean "${path.slice(0, path.length - basename(path).length)}${nearest}"?`;
  } catch {
    return `; there is no folder ${folder}`;
  }
}

/** An extension that two names have in common makes them no more similar. */
function nearestEntry(name: string, entries: readonly string[]): string | undefined {
  const extension = extname(name);
  const alike = entries.filter((entry) => extname(entry) === extension);
  const others = entries.filter((entry) => extname(entry) !== extension);
  const stem = nearestName(
    basename(name, extension),
    alike.map((entry) => basename(entry, extension)),
  );
  return stem === undefined ? nearestName(name, others) : `${stem}${extension}`;
}

function isGzip(stored: Uint8Array): boolean {
  return stored[0] === 0x1f && stored[1] === 0x8b;
}

function requirePlain(stored: Uint8Array, path: string): Uint8Array {
  if (!path.endsWith(".gz")) return stored;
  const found = [...stored.subarray(0, 2)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw new InputError(
    `${path}: byte offset 0: is named .gz but is not gzip; expected it to begin with 1f 8b, found ${found}`,
  );
}

function unpack(stored: Uint8Array, path: string): Uint8Array {
  try {
    return gunzipSync(stored);
  } catch (error) {
    const code = errorCode(error);
    if (code === "Z_BUF_ERROR") {
      throw new InputError(
        `${path}: byte offset ${stored.length}: the gzip data ends here, before their end mark; the file is truncated`,
      );
    }
    if (code === "ERR_BUFFER_TOO_LARGE") throw new InputError(`${path}: unpacks to more than can be held in memory`);
    const reason = error instanceof Error ? error.message : code;
    throw new InputError(
      `${path}: byte offset ${damagedAt(stored, code)}: the gzip data are damaged here or before (${reason})`,
    );
  }
}

/** Where gunzip notices the damage: the last byte of the shortest beginning of the file that fails in the same way. */
function damagedAt(stored: Uint8Array, code: string): number {
  let intact = 0;
  let damaged = stored.length;
  while (damaged - intact > 1) {
    const middle = (intact + damaged) >>> 1;
    if (unpackFailsWith(code, stored.subarray(0, middle))) damaged = middle;
    else intact = middle;
  }
  return damaged - 1;
}

function unpackFailsWith(code: string, stored: Uint8Array): boolean {
  try {
    gunzipSync(stored);
    return false;
  } catch (error) {
    return errorCode(error) === code;
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
