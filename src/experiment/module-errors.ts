/** Errors that modules from outside the package throw, told from those of vmmbench itself. */
import { relative } from "node:path";
import { pathToFileURL } from "node:url";
import { thrownText } from "../core/thrown-text.ts";

/** Files of all modules that this process has loaded, and those of them that were asked for. */
const files = new Set<string>();
const modules = new Set<string>();

/** The files of a module, itself first. */
export function rememberModule(ofModule: readonly string[]): void {
  for (const file of ofModule) files.add(file);
  modules.add(relative(process.cwd(), ofModule[0]));
}

/** Modules from outside that what is going on may be due to. */
export function loadedModules(): readonly string[] {
  return [...modules];
}

/** `mine.js:12: boom`: where in such a module something was thrown, or the engine was called that threw it; its path from `folder`. */
export function moduleError(error: unknown, folder: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  for (const frame of (error.stack ?? "").split("\n")) {
    for (const file of files) {
      const line = lineIn(frame, file);
      if (line !== undefined) return `${relative(folder, file)}:${line}: ${thrownText(error)}`;
    }
  }
  return undefined;
}

/** `at f (file:///work/mine.js:12:3)`; what has been required is there by its path, which may have any character in it. */
function lineIn(frame: string, file: string): string | undefined {
  const [, place] = /^\s+at (?:async |.*? \()?((?:file:\/\/)?\/.*)$/.exec(frame) ?? [];
  const name = [pathToFileURL(file).href, file].find((one) => place?.startsWith(`${one}:`));
  return name && /^\d+/.exec(place.slice(name.length + 1))?.[0];
}
