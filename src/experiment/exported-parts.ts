/** The VMM, or the part, among what a module from outside the package exports, held against the rules for these. */
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import { partsIn } from "../vmm/compose.ts";
import { type Parameters, type PartDefinition, type Slot, SLOTS, type Vmm } from "../vmm/contract.ts";
import { definitionProblem, objection } from "../vmm/definition-problem.ts";
import { readParameter, show } from "../vmm/part-parameter.ts";

/** Throws an {@link InputError} unless there is one, and nothing is wrong with it. */
export function vmmIn(exports: readonly unknown[], reference: string): Vmm {
  // Copied, so that a getter gives the same each time; a default export may be one of the others.
  const candidates = [...new Set(exports)].filter(looksLikeVmm).map((one) => ({ ...one }));
  const sound = candidates.filter((one) => vmmProblem(one) === undefined);
  const [vmm] = sound.length > 0 ? sound : candidates;
  if (vmm === undefined || sound.length > 1) {
    const count = vmm === undefined ? "no VMM" : `${sound.length} VMMs`;
    const hint = exports.some((one) => one instanceof Promise) ? "; a promise is none: await it" : "";
    throw new InputError(`${reference}: exports ${count}; expected one, made with defineVmm${hint}`);
  }
  const problem = vmmProblem(vmm);
  if (problem !== undefined) throw new InputError(`${reference}: ${problem}`);
  const found = vmm as unknown as Vmm;
  const problems = SLOTS.flatMap((slot) => partsIn(found, slot)).flatMap(({ definition, parameters }) =>
    parameterProblems(definition, parameters).map(
      (one) => `${reference}: ${definition.slot} ${definition.name} ${one}`,
    ),
  );
  if (problems.length > 0) throw new InputError(problems);
  return found;
}

/** Throws an {@link InputError} unless there is one. */
export function partIn(exports: readonly unknown[], reference: string): PartDefinition {
  const found = [...new Set(exports)].filter(isPartFactory);
  if (found.length !== 1) {
    const count = found.length === 0 ? "no part" : `${found.length} parts`;
    throw new InputError(`${reference}: exports ${count}; expected one, made with definePart or definePolicy`);
  }
  const [{ definition }] = found;
  const problem = definitionProblem(definition);
  if (problem !== undefined) throw new InputError(`${reference}: ${problem}`);
  return definition;
}

/** Something with a slot of a VMM and a name, or with several slots. */
function looksLikeVmm(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isRecord(value)) return false;
  const slots = SLOTS.filter((slot) => slot in value).length;
  return slots > 1 || (slots === 1 && typeof value.name === "string");
}

/** What is wrong with a VMM that somebody has composed, in a sentence. */
function vmmProblem(vmm: Readonly<Record<string, unknown>>): string | undefined {
  const { name } = vmm;
  if (!isLine(name)) return `name: expected a text for the VMM, of one line, not ${show(name)}`;
  const problem = textProblem(vmm) ?? slotsProblem(vmm) ?? overheadProblem(vmm.overheadPerGuest) ?? limitProblem(vmm);
  return problem === undefined ? undefined : `VMM "${name}": ${problem}`;
}

function textProblem(vmm: Readonly<Record<string, unknown>>): string | undefined {
  const wrong = ["title", "summary"].find((field) => !isLine(vmm[field]));
  return wrong && `${wrong}: expected a text of one line, not ${show(vmm[wrong])}`;
}

const LONGEST_LINE = 200;

function isLine(value: unknown): value is string {
  return typeof value === "string" && value.length <= LONGEST_LINE && /^[^\p{Cc}]*[^\p{Cc}\s][^\p{Cc}]*$/u.test(value);
}

function slotsProblem(vmm: Readonly<Record<string, unknown>>): string | undefined {
  for (const slot of SLOTS) {
    const problem = slotProblem(vmm[slot], slot);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function slotProblem(held: unknown, slot: Slot): string | undefined {
  if (slot === "memory" && !Array.isArray(held)) return "memory: expected a list of parts; [] is none";
  const names = new Set<string>();
  for (const part of slot === "memory" ? (held as readonly unknown[]) : [held]) {
    if (part === undefined) return `${slot} is missing; expected a part for this slot, or ...esx to have that of ESX`;
    if (isPartFactory(part)) return `${slot}: ${part.definition.name} is not called; expected the part that it makes`;
    if (!isRecord(part) || !isRecord(part.definition) || !isRecord(part.parameters)) {
      return `${slot}: expected a part, made with definePart`;
    }
    const problem = definitionProblem(part.definition);
    if (problem !== undefined) return problem;
    const { name, slot: own } = part.definition as unknown as PartDefinition;
    if (own !== slot) return `${slot}: ${name} is a part for the slot ${own}`;
    if (names.has(name)) return `${slot}: ${name} is there twice`;
    names.add(name);
  }
  return undefined;
}

/** A TiB: no VMM keeps more for a guest. */
const MOST_OVERHEAD_MIB = 2 ** 20;

function overheadProblem(overhead: unknown): string | undefined {
  if (!isRecord(overhead)) {
    return 'overheadPerGuest is missing; expected the memory that it keeps for each guest, such as { mib: 32, source: "..." }';
  }
  const { mib, mibPerGib = 0, source } = overhead;
  for (const [name, value] of Object.entries({ mib, mibPerGib })) {
    if (typeof value === "number" && value >= 0 && value <= MOST_OVERHEAD_MIB) continue;
    return `overheadPerGuest: ${name}: expected a number of MiB from 0 to ${MOST_OVERHEAD_MIB}, not ${show(value)}`;
  }
  return typeof source === "string" ? undefined : `overheadPerGuest: source: expected a text, not ${show(source)}`;
}

function limitProblem({ maxGuests, startCost }: Readonly<Record<string, unknown>>): string | undefined {
  if (maxGuests !== undefined && !(Number.isInteger(maxGuests) && (maxGuests as number) > 0)) {
    return `maxGuests: expected a whole number, at least 1, not ${show(maxGuests)}`;
  }
  return startCost === undefined || typeof startCost === "string"
    ? undefined
    : `startCost: expected the name of a cost of a machine, not ${show(startCost)}`;
}

/** What is wrong with parameters that a module gives to a part. */
function parameterProblems(definition: PartDefinition, given: Parameters): readonly string[] {
  const { parameters: declared } = definition;
  const problems = Object.entries(given).flatMap(([name, value]) => {
    if (!Object.hasOwn(declared, name)) {
      return [`has no parameter "${name}"; ${suggestion(name, Object.keys(declared))}`];
    }
    const reading = readParameter(declared[name], value);
    return "problem" in reading ? [`${name}: ${reading.problem}`] : [];
  });
  const missing = Object.keys(declared).filter((name) => !Object.hasOwn(given, name));
  if (missing.length > 0) problems.push(`has no value for ${missing.join(", ")}`);
  const together = problems.length === 0 ? objection(definition, given) : undefined;
  return together === undefined ? problems : [together];
}

function isPartFactory(value: unknown): value is { readonly definition: PartDefinition } {
  if (typeof value !== "function") return false;
  const { definition } = value as { definition?: unknown };
  return isRecord(definition) && "slot" in definition && "create" in definition;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
