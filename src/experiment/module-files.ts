/** The files that a module from outside the package consists of: what it does changes when one of them does. */
import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { namedFiles } from "./named-files.ts";

export interface ModuleFiles {
  /** Paths of all that the module names, through others as well: each once, itself first. */
  readonly files: readonly string[];
  /** Where a path is computed, so that the text does not say which file is meant: `mine.js:3`. */
  readonly computed: readonly string[];
}

const PROGRAM = /\.[cm]?[jt]s$/;

/** All that a module's text says of its files. Packages have versions, and stay as they are. */
export function moduleFiles(file: string): ModuleFiles {
  // A set is gone through while it grows.
  const files = new Set([resolve(file)]);
  const computed: string[] = [];
  for (const one of files) {
    if (!PROGRAM.test(one)) continue;
    const named = namedFiles(readFileSync(one, "utf8"), one);
    for (const path of named.files) files.add(path);
    for (const line of named.unclear) computed.push(`${relative(process.cwd(), one)}:${line}`);
  }
  return { files: [...files], computed };
}
