import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../core/input-error.ts";

/** The folder in `parent` whose run finished last. Throws an {@link InputError} when there is none. */
export async function newestResults(parent: string): Promise<string> {
  const names = await readdir(parent).catch((): string[] => []);
  let newest: { folder: string; time: number } | undefined;
  for (const name of names.sort()) {
    const folder = join(parent, name);
    const file = await stat(join(folder, "cells.ndjson")).catch(() => undefined);
    if (file !== undefined && (newest === undefined || file.mtimeMs > newest.time))
      newest = { folder, time: file.mtimeMs };
  }
  if (newest !== undefined) return newest.folder;
  throw new InputError(`${parent}: no finished run in this folder; expected a results folder, made by vmmbench run`);
}
