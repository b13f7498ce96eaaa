/** VMMs and parts by name, from the package, or from a module outside it, by path or package name. */
import { readFileSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { digest } from "../core/digest.ts";
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import { thrownText } from "../core/thrown-text.ts";
import type { VmmChoice } from "../sim/cell.ts";
import { composeVmm, type CompositionProblem } from "../vmm/compose.ts";
import type { PartDefinition, Vmm } from "../vmm/contract.ts";
import { PARTS } from "../vmm/parts.ts";
import { VMMS } from "../vmm/registry.ts";
import { partIn, vmmIn } from "./exported-parts.ts";
import { rememberModule } from "./module-errors.ts";

export interface LoadedVmm {
  readonly vmm: Vmm;
  /** Those of its choice, with the names of parts in place of the modules they come from. */
  readonly changes: Readonly<Record<string, unknown>>;
  readonly problems: readonly CompositionProblem[];
  /** SHA-256 of the files of modules from outside the package, in the order of the modules' names; empty when there are none. */
  readonly modules: readonly string[];
  /** As the choice names these modules, the VMM's first. */
  readonly moduleNames: readonly string[];
  /** Where these modules compute a path: see {@link ModuleFiles}. */
  readonly computedPaths: readonly string[];
}

interface Module {
  readonly exports: readonly unknown[];
  /** SHA-256 of each of its files: see {@link moduleFiles}. */
  readonly sha256: readonly string[];
  readonly computedPaths: readonly string[];
}

/**
 * The VMM a matrix names, with its changes made. Modules are relative to `folder`. Throws an {@link InputError} when
 * the VMM or a module doesn't exist; changes that cannot be made are returned as problems.
 */
export async function loadVmm(choice: VmmChoice, folder: string): Promise<LoadedVmm> {
  const references = moduleReferences(choice.set);
  const loaded = await Promise.all(references.map((reference) => importModule(reference, folder)));
  const outside = loaded.map(({ exports }, i) => partOf(exports, references[i]));
  const names = new Map(references.map((reference, i) => [reference, outside[i].name]));
  const { vmm: base, module } = await baseVmm(choice.base, folder);
  const changes = withNames(choice.set, names);
  const { vmm, problems } = composeVmm(base, changes, [...outside, ...PARTS]);
  const all = module === undefined ? loaded : [module, ...loaded];
  return {
    vmm,
    changes,
    problems,
    modules: all.flatMap(({ sha256 }) => sha256),
    moduleNames: module === undefined ? references : [choice.base, ...references],
    computedPaths: all.flatMap(({ computedPaths }) => computedPaths),
  };
}

/**
 * VMMs by name or by path. Throws an {@link InputError} with every name that there is not, and when two of them call
 * themselves the same: nothing that is shown side by side could tell them apart.
 */
export async function loadVmms(names: readonly string[]): Promise<readonly Vmm[]> {
  const problems: string[] = [];
  const vmms: Vmm[] = [];
  const references = new Map<string, string>();
  for (const name of names) {
    try {
      const { vmm } = await loadVmm({ base: name, set: {}, label: name }, process.cwd());
      const other = references.get(vmm.name);
      if (other !== undefined) {
        problems.push(`${name}: is the VMM "${vmm.name}", as is ${other}; give it another name in defineVmm`);
      }
      references.set(vmm.name, name);
      vmms.push(vmm);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return vmms;
}

/** Throws an {@link InputError} when a module, by path or package name, is none that exports an allocation policy. */
export async function requirePolicyModule(reference: string, folder: string): Promise<void> {
  const { exports } = await importModule(reference, folder);
  const { slot, name } = partOf(exports, reference);
  if (slot === "allocation") return;
  throw new InputError(
    `${reference}: exports ${name}, a part for the slot ${slot}; expected a policy, made with definePolicy`,
  );
}

/** Throws an {@link InputError} when there is no VMM of this name, or the module has none. */
export async function requireVmm(reference: string, folder: string): Promise<void> {
  await baseVmm(reference, folder);
}

async function baseVmm(reference: string, folder: string): Promise<{ vmm: Vmm; module?: Module }> {
  const registered = VMMS.find((vmm) => vmm.name === reference);
  if (registered !== undefined) return { vmm: registered };
  const names = VMMS.map((vmm) => vmm.name);
  if (!isModule(reference) && !isPackage(reference)) {
    throw new InputError(`there is no VMM "${reference}"; ${suggestion(reference, names)}`);
  }
  const module = await importModule(reference, folder);
  return { vmm: readable(reference, () => vmmIn(module.exports, reference)), module };
}

/** Every text in the changes that names a module: `allocation: ./mine.js`, `memory: [page-sharing, { ./mine.js: {} }]`. */
function moduleReferences(set: Readonly<Record<string, unknown>>): readonly string[] {
  const named = Object.values(set).flatMap((value) => (Array.isArray(value) ? value : [value]));
  const texts = named.flatMap((value) => (typeof value === "object" && value !== null ? Object.keys(value) : [value]));
  return [...new Set(texts.filter((text): text is string => typeof text === "string" && isModule(text)))].sort();
}

function partOf(exports: readonly unknown[], reference: string): PartDefinition {
  return readable(reference, () => partIn(exports, reference));
}

/** What a module exports may fail when it is looked at: a getter, a proxy. */
function readable<T>(reference: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${reference}: what it exports cannot be read: ${thrownText(error)}`);
  }
}

/** The changes with the names of parts in place of the modules they come from. */
function withNames(
  set: Readonly<Record<string, unknown>>,
  names: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const nameOf = (text: string): string => names.get(text) ?? text;
  const renamed = (value: unknown): unknown => {
    if (typeof value === "string") return nameOf(value);
    if (Array.isArray(value)) return value.map(renamed);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, of]) => [nameOf(key), of]));
  };
  return Object.fromEntries(Object.entries(set).map(([key, value]) => [key, renamed(value)]));
}

function isModule(reference: string): boolean {
  return /\.m?js$/.test(reference) || /^(\.{0,2}\/|@[^/]+\/)/.test(reference);
}

function isPackage(reference: string): boolean {
  try {
    return import.meta.resolve(reference).startsWith("file:");
  } catch {
    return false;
  }
}

async function importModule(reference: string, folder: string): Promise<Module> {
  try {
    const url = moduleUrl(reference, folder);
    const file = statSync(fileURLToPath(url), { throwIfNoEntry: false });
    if (file === undefined) throw new Error("there is no such file");
    if (file.isDirectory()) throw new Error("is a folder; expected a file");
    // At once: what it throws may come while it is loaded.
    rememberModule([fileURLToPath(url)]);
    const exports = Object.values(await settled(import(url) as Promise<Record<string, unknown>>));
    // Most commands load no module from outside, and its parser takes a while to load.
    const { moduleFiles } = await import("./module-files.ts");
    const { files, computed } = moduleFiles(fileURLToPath(url));
    rememberModule(files);
    return { exports, sha256: files.map((one) => digest(readFileSync(one))), computedPaths: computed };
  } catch (error) {
    const [reason] = thrownText(error).split("\n");
    const isHere = reason.startsWith("Cannot find package 'vmmbench'");
    const isTypeScript = /^Unknown file extension "\.[cm]?ts"/.test(reason);
    const hint = isHere
      ? "; expected a file in the clone, or in a project that vmmbench is installed in"
      : isTypeScript
        ? `; Node.js ${process.version} runs no TypeScript: expected a .js file, such as tsc makes of it`
        : "";
    // The language does not say where to whoever imports it.
    const where =
      error instanceof SyntaxError ? "; node --input-type=module --check < the file says in which line" : "";
    throw new InputError(`${reference}: the module cannot be loaded: ${reason}${hint}${where}`);
  }
}

const LONGEST_LOADING_S = 30;

/**
 * A module that waits for what never comes would end the process, without a word: nothing else is left to be done. Where it has left
 * something to be done, such as a timer, the process would never end.
 */
function settled<T>(imported: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stuck = (): void => reject(new Error("it waits (await) for what never comes"));
    const late = (): void => reject(new Error(`it still waits (await) after ${LONGEST_LOADING_S} s`));
    const timer = setTimeout(late, LONGEST_LOADING_S * 1000).unref();
    process.once("beforeExit", stuck);
    const done = (): void => {
      clearTimeout(timer);
      process.removeListener("beforeExit", stuck);
    };
    imported.finally(done).then(resolve, reject);
  });
}

/** Paths are relative to the folder of the matrix, or the current one; anything else is a package installed next to this one. */
function moduleUrl(reference: string, folder: string): string {
  if (reference.startsWith("@") || !isModule(reference)) return import.meta.resolve(reference);
  return pathToFileURL(isAbsolute(reference) ? reference : join(folder, reference)).href;
}
