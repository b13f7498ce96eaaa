/** The files that a module from outside the package consists of: what it does changes when one of them does. */
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * `from "./half.js"`, `import "./half.js"`, `import("./half.js")`. Packages have versions, and stay as they are. What a module
 * reads or finds in another way (a computed path, a template, `require`, a data file) is not seen.
 */
const IMPORT = /\b(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"'\n]+)["']/g;

/** A module's file and all that it imports by a relative path, directly or not: each once, itself first. */
export function moduleFiles(file: string): readonly string[] {
  // A set is gone through while it grows.
  const files = new Set([resolve(file)]);
  for (const one of files) {
    for (const [, path] of readFileSync(one, "utf8").matchAll(IMPORT)) {
      const imported = resolve(dirname(one), path);
      // What only looks like an import, in a comment say, is not there.
      if (statSync(imported, { throwIfNoEntry: false })?.isFile() === true) files.add(imported);
    }
  }
  return [...files];
}
