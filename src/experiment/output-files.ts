/** Making the folder that results, reports or charts go into. */
import { mkdir, stat } from "node:fs/promises";
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
    const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ""];
    throw reason === undefined ? error : new InputError(`${folder}: cannot be written: ${reason}`);
  }
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
