/** Errors that modules from outside the package throw, told from those of vmmbench itself. */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
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
  for (const [, place, line] of (error.stack ?? "").matchAll(/(?:file:\/\/)?(\/[^\s():]+):(\d+):\d+/g)) {
    const file = fileURLToPath(`file://${place}`);
    if (files.has(file)) return `${relative(folder, file)}:${line}: ${thrownText(error)}`;
  }
  return undefined;
}
