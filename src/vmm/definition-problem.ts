/** What is wrong with the definition of a part, which may be JavaScript that no compiler has read. */
import { thrownText } from "../core/thrown-text.ts";
import type { Parameters, PartDefinition } from "./contract.ts";
import { showAnswer } from "./allocation/wrong-answer.ts";
import { declarationProblem, show } from "./part-parameter.ts";
import { MEMORY_STAGES, SLOTS } from "./slots.ts";

/** Matrix files write `slot.part.parameter`. */
const NAME = /^[a-z][a-z0-9-]*$/i;

/** The first rule that it breaks, in a sentence that says which part it is; undefined: none. */
export function definitionProblem(definition: unknown): string | undefined {
  if (!isRecord(definition)) return `a part: expected its definition, { slot, name, ... }, not ${show(definition)}`;
  const { slot, name } = definition;
  if (!(SLOTS as readonly unknown[]).includes(slot)) {
    return `part ${show(name)}: slot: expected one of ${SLOTS.join(", ")}, not ${show(slot)}`;
  }
  if (typeof name !== "string" || !NAME.test(name)) {
    return `a part for the slot ${String(slot)}: name: expected letters, digits and hyphens, beginning with a letter, not ${show(name)}`;
  }
  const problem = fieldProblem(definition) ?? parametersProblem(definition.parameters);
  return problem === undefined ? undefined : `${String(slot)} ${name}: ${problem}`;
}

interface Kind {
  readonly expected: string;
  readonly is: (value: unknown) => boolean;
}

const TEXT: Kind = { expected: "a text", is: (value) => typeof value === "string" && value !== "" };
/** That may be empty. */
const LINE: Kind = { expected: "a text", is: (value) => typeof value === "string" };
const TEXTS: Kind = { expected: "a list of texts", is: (value) => Array.isArray(value) && value.every(TEXT.is) };
const FUNCTION: Kind = { expected: "a function", is: (value) => typeof value === "function" };
const RECORD: Kind = { expected: "an object", is: isRecord };
const TRUE: Kind = { expected: "true, or nothing", is: (value) => value === true };

/** All but slot and name: what each has to be where it is there. */
const FIELDS: Readonly<Record<Exclude<keyof PartDefinition, "slot" | "name">, Kind>> = {
  summary: LINE,
  parameters: RECORD,
  create: FUNCTION,
  stage: oneOf(MEMORY_STAGES),
  role: TEXT,
  needs: TEXTS,
  honoursCpuSettings: TEXTS,
  consoleOf: FUNCTION,
  ofKernel: TEXT,
  requiresPart: TEXT,
  signalsFrom: TEXTS,
  isTunable: TRUE,
  tunesSharing: TRUE,
  replacesMemoryParts: TRUE,
  honoursMemorySettings: oneOf([true, "shares"]),
  problem: FUNCTION,
  unsuited: FUNCTION,
  isBare: TRUE,
  kernelRing: RECORD,
  faultAddressIn: FUNCTION,
  timerEvents: FUNCTION,
  kernelMapping: FUNCTION,
  smallPagesOnly: TEXT,
  queueOf: FUNCTION,
  elsewhere: TEXT,
};
const REQUIRED: readonly string[] = ["summary", "parameters", "create"];

function oneOf(values: readonly unknown[]): Kind {
  return { expected: `one of ${values.map(show).join(", ")}`, is: (value) => values.includes(value) };
}

function fieldProblem(definition: Readonly<Record<string, unknown>>): string | undefined {
  for (const [name, { expected, is }] of Object.entries(FIELDS)) {
    const value = definition[name];
    if (value === undefined ? REQUIRED.includes(name) : !is(value)) {
      return `${name}: expected ${expected}, not ${show(value)}`;
    }
  }
  return undefined;
}

function parametersProblem(declared: unknown): string | undefined {
  for (const [name, value] of Object.entries(declared as object)) {
    const problem = declarationProblem(name, value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** What a part itself has against parameters that are each right; undefined: nothing. What it says may be no sentence. */
export function objection({ problem }: Pick<PartDefinition, "problem">, given: Parameters): string | undefined {
  let said: unknown;
  try {
    said = problem?.(given);
  } catch (error) {
    return `problem fails: ${thrownText(error)}`;
  }
  return said === undefined || typeof said === "string"
    ? said
    : `problem returns ${showAnswer(said)}; expected a sentence, or undefined`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
