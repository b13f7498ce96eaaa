/** Machine profiles from disk, with what they take over from others. */
import { existsSync, readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { digest } from "../../core/digest.ts";
import { InputError } from "../../core/input-error.ts";
import { suggestion } from "../../core/nearest-name.ts";
import { LOCKED_INSTRUCTION } from "../../guest/kernel-paths.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import { catalogue, locate } from "../catalogue.ts";
import { type InputFile, inputText, readInputFile } from "../input-files.ts";
import { settleNativeFigures } from "../native-figures.ts";
import { RecentlyUsed } from "../recently-used.ts";
import { type CostSection, costsOf, machinesNamedIn, ruleProblems, takenOver } from "./machine-costs.ts";
import { type MachineDescription, machineSchema, toMachineProfile } from "./machine-document.ts";
import { machineNumbers, type NumbersElsewhere, type SourcedNumber } from "./machine-numbers.ts";
import { COST_SECTIONS, type CostSectionName, type MachineDocument } from "./machine-schema.ts";
import { NamedInputs } from "./named-inputs.ts";
import { type DocumentPath, readDocument, type YamlDocument } from "./yaml-document.ts";

export interface LoadedMachine {
  readonly file: string;
  readonly profile: MachineProfile;
  /** Every number with unit and source. */
  readonly numbers: readonly SourcedNumber[];
  /** Hex SHA-256 of the description. */
  readonly digest: string;
}

/** Read a machine, and those it names. Throws an {@link InputError} with every problem. */
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

/** `above`: the machines that are based on this one, or have costs of it. */
function loadMachineOf(file: string, above: readonly string[]): KnownMachine {
  const stored = readInputFile(file);
  const document = readDocument(inputText(stored), file, machineSchema, "machine");
  const { data } = document;
  const named = { file, document, above: [...above, data.name] };
  const base = data.base === undefined ? undefined : loadBase(named);
  const others = loadOthers(named);
  const used = [...(base === undefined ? [] : [base]), ...others.values()];
  const sha256 = used.length === 0 ? stored.sha256 : digest(stored.sha256, ...used.map((machine) => machine.digest));
  const description = SETTLED.get(sha256, () => settled(document, described(withCostsOf(others, document), base)));
  const profile = toMachineProfile(description);
  const own = machineNumbers(data, profile, numbersOf(others));
  const numbers = base === undefined ? own : [...own, ...numbersOfBase(own, base, description, profile)];
  return { file, profile, numbers, digest: sha256, description };
}

function numbersOf(machines: ReadonlyMap<string, KnownMachine>): NumbersElsewhere {
  return new Map(
    [...machines].map(([machine, { numbers, profile }]) => [
      machine,
      new Map(numbers.map((each) => [each.name, { ...each, base: each.base ?? profile.name }])),
    ]),
  );
}

/** A document with the costs that are those of other machines. */
function withCostsOf(
  machines: ReadonlyMap<string, KnownMachine>,
  document: YamlDocument<MachineDocument>,
): MachineDocument {
  const problems: string[] = [];
  const replaced = (sectionName: CostSectionName): CostSection => {
    const section = document.data[sectionName];
    return Object.fromEntries(
      Object.entries(section).map(([name, entry]) => {
        if (!("as-on" in entry)) return [name, entry];
        const profile = machines.get(entry["as-on"])?.profile;
        const costs = (sectionName === "costs" ? profile?.costs : profile?.kernelPaths) ?? {};
        if (!Object.hasOwn(costs, name)) {
          const message = `${entry["as-on"]} has no ${sectionName}.${name}; ${instead(name, Object.keys(costs))}`;
          problems.push(document.problem([sectionName, name, "as-on"], message));
        }
        return [name, { value: costs[name], unit: "cycles", kind: "assumed", source: entry.source }];
      }),
    );
  };
  const result = { ...document.data, costs: replaced("costs"), "kernel-paths": replaced("kernel-paths") };
  if (problems.length > 0) throw new InputError(problems);
  return result;
}

/** What there is of the group of a cost; all costs of a machine would be a hundred names. */
function instead(name: string, costs: readonly string[]): string {
  const group = name.slice(0, name.lastIndexOf(".") + 1);
  const near = costs.filter((one) => one.startsWith(group));
  return near.length === 0 ? `it has no cost of the group ${group.slice(0, -1)}` : suggestion(name, near);
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

/** Of a machine that the one in `file` names: beside it, or else a machine of this package. */
export function fileOfNamed(file: string, machine: string): string {
  const beside = resolve(dirname(file), `${machine}.yaml`);
  return existsSync(beside) || !catalogue("machines").includes(machine)
    ? beside
    : resolve(locate("machines", machine, ""));
}

/** The machines that the one in a document names: its base, and those that have costs of it. */
export function machinesNamed({ base, ...sections }: Pick<MachineDocument, "base" | CostSectionName>): string[] {
  const others = COST_SECTIONS.flatMap((section) => machinesNamedIn(sections[section]));
  return [...new Set(base === undefined ? others : [base, ...others])];
}

/** A document that names other machines. */
interface NamingDocument {
  readonly file: string;
  readonly document: YamlDocument<MachineDocument>;
  /** Its own name and those of the machines that name it. */
  readonly above: readonly string[];
}

function loadBase(named: NamingDocument): KnownMachine {
  const { base = "", unit, kernel, "base-scale": scale } = named.document.data;
  const expected = scale?.unit === "cycles/instruction" ? "instructions" : unit;
  return loadNamed(named, ["base"], base, "is based on this machine itself", (found) =>
    found.unit === expected && found.kernel === kernel
      ? undefined
      : `counts ${found.unit} of ${found.kernel}, expected ${expected} of ${kernel}`,
  );
}

/** The machines that have costs of the one in a document, by name. */
function loadOthers(named: NamingDocument): ReadonlyMap<string, KnownMachine> {
  const machines = new Map<string, KnownMachine>();
  for (const section of COST_SECTIONS) {
    for (const [name, entry] of Object.entries(named.document.data[section])) {
      if (!("as-on" in entry) || machines.has(entry["as-on"])) continue;
      const place = [section, name, "as-on"];
      const other = loadNamed(named, place, entry["as-on"], "takes costs from this machine itself", ({ unit }) =>
        unit === "cycles" ? undefined : `counts ${unit}, expected a machine that counts cycles`,
      );
      machines.set(entry["as-on"], other);
    }
  }
  return machines;
}

/**
 * The machine that a document names at `place`. `loop`: what it does if it leads back to the document; `problem`: what is wrong with
 * it there. Throws an {@link InputError} with every problem.
 */
function loadNamed(
  { file, document, above }: NamingDocument,
  place: DocumentPath,
  machine: string,
  loop: string,
  problem: (found: MachineDocument) => string | undefined,
): KnownMachine {
  const path = pathOf({ file, document, above }, place, machine);
  const inputs = new NamedInputs(file, document);
  const found = inputs.read(path, place, documentOf);
  if (found !== undefined) {
    if (leadsBack(found, above)) inputs.complain(place, `"${machine}" ${loop}; expected another one`);
    const wrong = problem(found);
    if (wrong !== undefined) inputs.complain(place, `"${machine}" ${wrong}`);
  }
  inputs.throwProblems();
  return loadMachineOf(path, above);
}

/** A machine that names no others is found by any of its name. */
function leadsBack(machine: MachineDocument, above: readonly string[]): boolean {
  return above.includes(machine.name) && machinesNamed(machine).length > 0;
}

/** What the file of a machine says itself. Throws an {@link InputError} with every problem. */
export function readMachineDocument(file: string): MachineDocument {
  return documentOf(readInputFile(file));
}

function documentOf(input: InputFile): MachineDocument {
  return readDocument(inputText(input), input.path, machineSchema, "machine").data;
}

/** Of a machine that a document names at `place`. Throws an {@link InputError} if there is none. */
function pathOf({ file, document }: NamingDocument, place: DocumentPath, machine: string): string {
  const path = fileOfNamed(file, machine);
  if (existsSync(path)) return path;
  const beside = readdirSync(dirname(file)).flatMap((name) => (name.endsWith(".yaml") ? [name.slice(0, -5)] : []));
  const message = `there is no machine "${machine}" here; ${suggestion(machine, [...beside, ...catalogue("machines")])}`;
  throw new InputError(document.problem(place, message));
}
