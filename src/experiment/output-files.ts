/** Writing files, and making the folders that results, reports or charts go into. */
import { mkdir, open, rename, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { InputError } from "../core/input-error.ts";

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "no permission to write there",
  EPERM: "no permission to write there",
  EROFS: "the file system is read-only",
  ENOSPC: "no space is left on the device",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "is a file; expected a folder",
  ENOENT: "no folder can be made there",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "a symbolic link on the way leads nowhere",
};
const REASONS_OF_FILES = {
  ...REASONS,
  EISDIR: "is a folder; expected a file",
  ENOENT: "no file can be made there",
};

/**
 * Make the folder and those above it. Throws an {@link InputError} when that is impossible. One folder at a time, because
 * the recursive mkdir of Node.js 20 never returns where the system answers ENOENT for a new folder, as in /proc.
 */
export async function makeFolder(folder: string): Promise<void> {
  const path = resolve(folder);
  const missing: string[] = [];
  try {
    for (let at = path; !(await isFolder(at)); at = dirname(at)) missing.unshift(at);
    for (const each of missing) await makeOne(each);
  } catch (error) {
    throw notWritten(folder, error, REASONS);
  }
}

/** Write a file, and make its folder. Throws an {@link InputError} when that is impossible. */
export async function writeOutput(file: string, content: string | Uint8Array): Promise<void> {
  await makeFolder(dirname(file));
  try {
    await writeFile(file, content);
  } catch (error) {
    throw notWritten(file, error, REASONS_OF_FILES);
  }
}

/** Write a file under a temporary name in the same folder, sync it to disk and rename it. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

function notWritten(path: string, error: unknown, reasons: Readonly<Record<string, string>>): unknown {
  const reason = reasons[(error as NodeJS.ErrnoException).code ?? ""];
  return reason === undefined ? error : new InputError(`${path}: cannot be written: ${reason}`);
}

/** Another process may make the same folder meanwhile. */
async function makeOne(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !(await isFolder(folder))) throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  throw Object.assign(new Error(path), { code: "EEXIST" });
}
