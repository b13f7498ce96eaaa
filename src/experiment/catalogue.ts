/** Where named things are: `typical-server` is `workloads/typical-server.yaml` of this package, `./mine.yaml` is a path. */
import { existsSync, readdirSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";

/** The folder of package.json, seen from `src/experiment` or `dist/experiment`. */
export const PACKAGE_ROOT = resolve(import.meta.dirname, "../..");

export const KINDS = ["workloads", "machines", "experiments"] as const;
export type Kind = (typeof KINDS)[number];

/** Names of everything of a kind that comes with the package, sorted. */
export function catalogue(kind: Kind): readonly string[] {
  const files = readdirSync(join(PACKAGE_ROOT, kind)).filter((file) => file.endsWith(".yaml"));
  return files.map((file) => file.slice(0, -".yaml".length)).sort();
}

/**
 * The file behind a name or a path. Paths, known by a slash or by their ending, are relative to `folder`.
 * Throws an {@link InputError} with the nearest name when there is no such thing.
 */
export function locate(kind: Kind, reference: string, folder: string): string {
  if (isPath(reference)) return isAbsolute(reference) ? reference : join(folder, reference);
  const path = join(PACKAGE_ROOT, kind, `${reference}.yaml`);
  if (existsSync(path)) return inShort(path);
  const title = kind.slice(0, -1);
  throw new InputError(`there is no ${title} "${reference}"; ${suggestion(reference, catalogue(kind))}`);
}

/** Is it the path of a file and not the name of something that comes with the package? */
export function isPath(reference: string): boolean {
  return reference.includes("/") || /\.(ya?ml|m?js)$/.test(reference);
}

/** Messages name files; from here, if they are below here. */
function inShort(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith("..") || isAbsolute(fromHere) ? path : fromHere;
}
