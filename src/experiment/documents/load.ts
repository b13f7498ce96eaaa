/** Descriptions and the real inputs they name, from disk. */
import { existsSync, readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { digest } from "../../core/digest.ts";
import { InputError } from "../../core/input-error.ts";
import { suggestion } from "../../core/nearest-name.ts";
import { LOCKED_INSTRUCTION } from "../../guest/kernel-paths.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import { compileWorkload, contentsOfGuest, type TraceWork } from "../../workload/compile.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { parseFingerprints } from "../../workload/readers/fingerprints.ts";
import { readTrace } from "../../workload/readers/trace.ts";
import { traceToStream } from "../../workload/trace-stream.ts";
import type { Workload } from "../../workload/workload.ts";
import { catalogue, locate } from "../catalogue.ts";
import { type InputFile, inputText, readInputFile } from "../input-files.ts";
import { settleNativeFigures } from "../native-figures.ts";
import { RecentlyUsed } from "../recently-used.ts";
import { costsOf, ruleProblems, takenOver } from "./machine-costs.ts";
import { type MachineDescription, machineSchema, toMachineProfile } from "./machine-document.ts";
import { machineNumbers, type SourcedNumber } from "./machine-numbers.ts";
import { COST_SECTIONS, type CostSectionName, type MachineDocument } from "./machine-schema.ts";
import { readWorkload } from "./workload-document.ts";
import { type DocumentPath, readDocument, type YamlDocument } from "./yaml-document.ts";

export interface LoadedWorkload {
  readonly file: string;
  readonly workload: Workload;
  /** Contents of memory by the name that the description uses. */
  readonly contents: ReadonlyMap<string, BigUint64Array>;
  /** Compressed sizes of their pages, by the same name. */
  readonly compressedSizes: ReadonlyMap<string, Uint8Array>;
  readonly trace?: TraceWork;
  /** Hex SHA-256 over the description and every file it names. */
  readonly digest: string;
}

export interface LoadedMachine {
  readonly file: string;
  readonly profile: MachineProfile;
  /** Every number with unit and source. */
  readonly numbers: readonly SourcedNumber[];
  /** Hex SHA-256 of the description. */
  readonly digest: string;
}

/** Read a workload and the files it names, relative to its own folder. Throws an {@link InputError} with every problem. */
export function loadWorkload(file: string): LoadedWorkload {
  const stored = readInputFile(file);
  const { workload, document } = readWorkload(inputText(stored), file);
  const inputs = new NamedInputs(file, document);
  const contents = new Map<string, BigUint64Array>();
  for (const [index, name] of workload.guest.contents.entries()) {
    const path = ["guest", "contents", index];
    const pages = inputs.read(name, path, ({ bytes, path }) => parseFingerprints(bytes, path));
    if (pages === undefined) continue;
    contents.set(name, pages);
    if (pages.length > workload.guest.memoryPages) {
      inputs.complain(path, `has ${pages.length} pages, guest.memory only ${workload.guest.memoryPages}`);
    }
  }
  const compressedSizes = loadCompressedSizes(workload, contents, inputs);
  const trace = loadTrace(workload, inputs);
  inputs.throwProblems();
  const loaded = { file, workload, contents, compressedSizes, digest: digest(stored.sha256, ...inputs.digests) };
  return trace === undefined ? loaded : { ...loaded, trace };
}

/** One byte a page of the contents: its size once compressed, in units of 32 bytes. */
function loadCompressedSizes(
  { guest }: Workload,
  contents: ReadonlyMap<string, BigUint64Array>,
  inputs: NamedInputs,
): ReadonlyMap<string, Uint8Array> {
  const sizes = new Map<string, Uint8Array>();
  for (const [index, file] of guest.compressedSizes.entries()) {
    const path = ["guest", "compressed-sizes", index];
    const name = guest.contents[index];
    const pages = inputs.read(file, path, ({ bytes }) => bytes);
    const expected = contents.get(name)?.length ?? pages?.length;
    if (pages === undefined) continue;
    sizes.set(name, pages);
    if (pages.length !== expected) inputs.complain(path, `has ${pages.length} pages, its contents have ${expected}`);
  }
  return sizes;
}

function loadTrace({ work }: Workload, inputs: NamedInputs): TraceWork | undefined {
  if (work.kind !== "trace") return undefined;
  const { cyclesPerInstruction } = work;
  return inputs.read(work.file, ["trace", "file"], ({ bytes, path }) =>
    traceToStream(readTrace(bytes, path), { cyclesPerInstruction }),
  );
}

/** Read a machine, and those it is based on. Throws an {@link InputError} with every problem. */
export function loadMachine(file: string): LoadedMachine {
  const { profile, numbers, digest: sha256 } = loadMachineOf(file, []);
  return { file, profile, numbers, digest: sha256 };
}

/** Descriptions by digest: native figures take some measuring, and many machines have one base. */
const SETTLED = new RecentlyUsed<MachineDescription>(32);

/** Sections of a base that hold where a machine gives none itself. */
const TAKEN_OVER: ReadonlySet<string> = new Set(["costs", "kernel-paths", "disk", "network"]);

interface KnownMachine extends LoadedMachine {
  readonly description: MachineDescription;
}

/** `above`: the machines that are based on this one. */
function loadMachineOf(file: string, above: readonly string[]): KnownMachine {
  const stored = readInputFile(file);
  const document = readDocument(inputText(stored), file, machineSchema, "machine");
  const { data } = document;
  const base = data.base === undefined ? undefined : loadBase(file, document, [...above, data.name]);
  const sha256 = base === undefined ? stored.sha256 : digest(stored.sha256, base.digest);
  const description = SETTLED.get(sha256, () => settled(document, described(data, base)));
  const profile = toMachineProfile(description);
  const own = machineNumbers(data, profile);
  const numbers = base === undefined ? own : [...own, ...numbersOfBase(own, base, description, profile)];
  return { file, profile, numbers, digest: sha256, description };
}

/** A document with what it does not give itself. The schema sees to it that a machine without a base gives everything. */
function described(document: MachineDocument, base: KnownMachine | undefined): MachineDescription {
  if (base === undefined) return document as MachineDescription;
  const scale = document["base-scale"]?.value ?? 1;
  const { profile, description } = base;
  return {
    ...document,
    disk: document.disk ?? description.disk,
    network: document.network ?? description.network,
    costs: { ...takenOver(description.costs, profile.costs, scale), ...document.costs },
    "kernel-paths": {
      ...takenOver(description["kernel-paths"], profile.kernelPaths, scale),
      ...document["kernel-paths"],
    },
  };
}

/** The description with every native figure replaced by the cost that it settles, if its rules are sound. */
function settled(document: YamlDocument<MachineDocument>, description: MachineDescription): MachineDescription {
  const problems: string[] = [];
  const complain = (section: CostSectionName, name: string, message: string): void => {
    problems.push(document.problem(name in document.data[section] ? [section, name] : ["base"], message));
  };
  for (const section of COST_SECTIONS) {
    for (const [name, message] of ruleProblems(description[section])) complain(section, name, message);
  }
  if (description["smp-kernel"] && !(LOCKED_INSTRUCTION in description.costs)) {
    problems.push(document.problem(["smp-kernel"], `needs costs.${LOCKED_INSTRUCTION}, which is not given`));
  }
  if (problems.length > 0) throw new InputError(problems);
  const result = settleNativeFigures(description, complain);
  for (const section of COST_SECTIONS) {
    for (const [name, value] of Object.entries(costsOf(result[section], result.cpu.frequency))) {
      if (value < 0) complain(section, name, `comes to ${value}; expected no more to be taken off than there is`);
    }
  }
  if (problems.length > 0) throw new InputError(problems);
  return result;
}

/** The numbers of the base that hold for a machine, too, at what they come to there. */
function numbersOfBase(
  own: readonly SourcedNumber[],
  base: KnownMachine,
  { "base-scale": scale }: MachineDescription,
  { unit, costs, kernelPaths }: MachineProfile,
): readonly SourcedNumber[] {
  const given = new Set(own.map(({ name }) => name));
  return base.numbers.flatMap((number) => {
    const [section, ...rest] = number.name.split(".");
    const name = rest.join(".");
    if (given.has(number.name) || !TAKEN_OVER.has(section)) return [];
    const taken = { ...number, base: number.base ?? base.profile.name };
    if (section !== "costs" && section !== "kernel-paths") return [taken];
    const value = (section === "costs" ? costs : kernelPaths)[name];
    const entry = base.description[section][name];
    const note =
      scale !== undefined && "value" in entry && entry.unit !== "ns" ? `; times ${scale.value} (base-scale)` : "";
    return [{ ...taken, value, unit, source: `${number.source}${note}` }];
  });
}

/** Of the base of the machine in `file`: beside it, or else a machine of this package. */
export function fileOfBase(file: string, base: string): string {
  const beside = resolve(dirname(file), `${base}.yaml`);
  return existsSync(beside) || !catalogue("machines").includes(base) ? beside : resolve(locate("machines", base, ""));
}

function loadBase(file: string, document: YamlDocument<MachineDocument>, above: readonly string[]): KnownMachine {
  const inputs = new NamedInputs(file, document);
  const { base = "", unit, kernel, "base-scale": scale } = document.data;
  const expected = scale?.unit === "cycles/instruction" ? "instructions" : unit;
  const path = fileOfBase(file, base);
  if (!existsSync(path)) {
    const beside = readdirSync(dirname(file)).flatMap((name) => (name.endsWith(".yaml") ? [name.slice(0, -5)] : []));
    const message = `there is no machine "${base}" here; ${suggestion(base, [...beside, ...catalogue("machines")])}`;
    throw new InputError(document.problem(["base"], message));
  }
  const found = inputs.read(
    path,
    ["base"],
    (input) => readDocument(inputText(input), path, machineSchema, "machine").data,
  );
  if (found?.base !== undefined && above.includes(found.name)) {
    inputs.complain(["base"], `"${base}" is based on this machine itself; expected another one`);
  }
  if (found !== undefined && (found.unit !== expected || found.kernel !== kernel)) {
    inputs.complain(["base"], `"${base}" counts ${found.unit} of ${found.kernel}, expected ${expected} of ${kernel}`);
  }
  inputs.throwProblems();
  return loadMachineOf(path, above);
}

/** The work of `count` guests that run this workload side by side. */
export function compileGuests(loaded: LoadedWorkload, seed: number, count: number): readonly CompiledWorkload[] {
  return Array.from({ length: count }, (_, guestIndex) => compileGuest(loaded, seed, guestIndex));
}

/** The work of the guest with this index on its host, whatever its neighbours run. */
export function compileGuest(
  { workload, contents, compressedSizes, trace }: LoadedWorkload,
  seed: number,
  guestIndex: number,
): CompiledWorkload {
  const name = contentsOfGuest(workload, guestIndex) ?? "";
  const [image, sizes] = [contents.get(name), compressedSizes.get(name)];
  const inputs = {
    ...(image && { contents: image }),
    ...(sizes && { compressedSizes: sizes }),
    ...(trace && { trace }),
  };
  return compileWorkload(workload, { seed, guestIndex, ...inputs });
}

/** The files a document names: read, or complained about at the place that names them. */
class NamedInputs {
  readonly digests: string[] = [];
  readonly #folder: string;
  readonly #document: YamlDocument<unknown>;
  readonly #problems: string[] = [];

  constructor(file: string, document: YamlDocument<unknown>) {
    this.#folder = dirname(file);
    this.#document = document;
  }

  read<T>(name: string, path: DocumentPath, parse: (input: InputFile) => T): T | undefined {
    try {
      const input = readInputFile(resolve(this.#folder, name));
      this.digests.push(input.sha256);
      return parse(input);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      for (const problem of error.problems) this.complain(path, problem);
      return undefined;
    }
  }

  complain(path: DocumentPath, message: string): void {
    this.#problems.push(this.#document.problem(path, message));
  }

  throwProblems(): void {
    if (this.#problems.length > 0) throw new InputError(this.#problems);
  }
}
