import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../core/input-error.ts";

/** The run that comes with the package; its files are as new as the checkout of it, and not as the run. */
const REFERENCE = "reference";

/**
 * The folder in `parent` whose run finished last: one of the user's own, if there is any, else that of the package. Throws an
 * {@link InputError} when there is none.
 */
export async function newestResults(parent: string): Promise<string> {
  const own = await newestOf(parent, (name) => name !== REFERENCE);
  const newest = own ?? (await newestOf(parent, () => true));
  if (newest !== undefined) return newest;
  throw new InputError(`${parent}: no finished run in this folder; expected a results folder, made by vmmbench run`);
}

/** The same for what is written anew: the report of the package's own run is there, and nobody has asked for another. */
export async function newestOwnResults(parent: string): Promise<string> {
  const newest = await newestResults(parent);
  const reference = join(parent, REFERENCE);
  if (newest !== reference) return newest;
  throw new InputError(
    `${parent}: no finished run in this folder but ${reference}, whose report is in reports/${REFERENCE}; expected one made by ` +
      `vmmbench run, or its name: vmmbench report ${reference}`,
  );
}

async function newestOf(parent: string, isMeant: (name: string) => boolean): Promise<string | undefined> {
  const names = await readdir(parent).catch((): string[] => []);
  let newest: { folder: string; time: number } | undefined;
  for (const name of names.filter(isMeant).sort()) {
    const folder = join(parent, name);
    const file = await stat(join(folder, "cells.ndjson")).catch(() => undefined);
    if (file !== undefined && (newest === undefined || file.mtimeMs > newest.time))
      newest = { folder, time: file.mtimeMs };
  }
  return newest?.folder;
}
