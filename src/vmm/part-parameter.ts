/** Reading the value of a part's parameter as a user wrote it. */
import type { Parameter } from "./contract.ts";

export type ParameterReading = { readonly value: number | boolean } | { readonly problem: string };

const SWITCH: ReadonlyMap<unknown, boolean> = new Map([
  ["on", true],
  ["off", false],
  ["true", true],
  ["false", false],
]);

/**
 * A switch takes on, off, true or false. A number is in the parameter's unit, which may be written behind it
 * (`100` or `"100 pages/s"`).
 */
export function readParameter(parameter: Parameter, value: unknown): ParameterReading {
  if (typeof parameter.default === "boolean") {
    const state = typeof value === "boolean" ? value : SWITCH.get(value);
    return state === undefined ? { problem: `expected on or off, not ${show(value)}` } : { value: state };
  }
  const number = typeof value === "string" ? quantity(value, parameter.unit ?? "1") : value;
  const fits = typeof number === "number" && Number.isFinite(number) && allows(parameter, number);
  return fits ? { value: number } : { problem: `expected ${describeRange(parameter)}, not ${show(value)}` };
}

/** S: read in the project's source; D: its documentation; P: a research paper; 2: a secondary article; A: assumed here. */
export const EVIDENCE_GRADES = ["S", "D", "P", "2", "A"] as const;

/** What is wrong with a grade, where there is one. */
export function gradeProblem(grade: unknown): string | undefined {
  if (grade === undefined || EVIDENCE_GRADES.some((known) => known === grade)) return undefined;
  const grades = EVIDENCE_GRADES.map((known) => `"${known}"`).join(", ");
  return `grade: expected one of ${grades}, not ${show(grade)}`;
}

/** What is wrong with a parameter as a part declares it, which may be JavaScript that no compiler has read. */
export function declarationProblem(name: string, declared: unknown): string | undefined {
  const { default: value, grade, unit, min, max, choices } = (declared ?? {}) as Partial<Parameter>;
  if (typeof value !== "number" && typeof value !== "boolean") {
    return `parameter ${name}: expected one with a number, true or false as its default, such as { summary: "...", default: 1 }`;
  }
  if (unit !== undefined && typeof unit !== "string")
    return `parameter ${name}: unit: expected a text, not ${show(unit)}`;
  if (choices !== undefined && !(Array.isArray(choices) && choices.length > 1 && choices.every(Number.isFinite))) {
    return `parameter ${name}: choices: expected a list of numbers, not ${show(choices)}`;
  }
  for (const [bound, of] of Object.entries({ min, max })) {
    if (of !== undefined && typeof of !== "number")
      return `parameter ${name}: ${bound}: expected a number, not ${show(of)}`;
  }
  const reading = readParameter(declared as Parameter, value);
  if ("problem" in reading) return `parameter ${name}: its default is wrong: ${reading.problem}`;
  const problem = gradeProblem(grade);
  return problem === undefined ? undefined : `parameter ${name}: ${problem}`;
}

/** Units of what is counted: there is no half of one. */
const COUNTED: ReadonlySet<string> = new Set([
  "accesses",
  "bits",
  "blocks",
  "bytes",
  "commands",
  "cycles",
  "entries",
  "faults",
  "hints",
  "packets",
  "pages",
  "polls",
  "reads",
  "requests",
  "rounds",
  "samples",
  "stores",
  "tables",
  "translation units",
  "updates",
  "words",
  "writes",
]);

function isCounted({ unit = "1" }: Parameter): boolean {
  return COUNTED.has(unit);
}

function allows(parameter: Parameter, number: number): boolean {
  const { min = -Infinity, max = Infinity, choices } = parameter;
  if (choices !== undefined) return choices.includes(number);
  return number >= min && number <= max && (!isCounted(parameter) || Number.isInteger(number));
}

/** `a number from 0 to 1`, `a whole number of pages, at least 1`, `1, 2, 4 or 8 MiB`. */
export function describeRange(parameter: Parameter): string {
  const { unit = "1", min, max, choices } = parameter;
  if (choices !== undefined) {
    const listed = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
    return unit === "1" ? listed : `${listed} ${unit}`;
  }
  const kind = isCounted(parameter) ? "a whole number" : "a number";
  const number = unit === "1" ? kind : `${kind} of ${unit}`;
  if (min !== undefined && max !== undefined) return `${number} from ${min} to ${max}`;
  if (min !== undefined) return `${number}, at least ${min}`;
  if (max !== undefined) return `${number}, at most ${max}`;
  return number;
}

function quantity(text: string, unit: string): number | undefined {
  const match = /^([+-]?[0-9]+(?:\.[0-9]+)?) ?(.*)$/.exec(text);
  return match !== null && match[2] === unit ? Number(match[1]) : undefined;
}

const SHOWN_AT_MOST = 60;

/** A wrong value, as a message shows it: what it is, where it says that better than what is in it. */
export function show(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (value instanceof Promise) return "a promise";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "string" && (typeof value !== "object" || value === null)) return String(value);
  try {
    const text = JSON.stringify(value);
    return text.length > SHOWN_AT_MOST ? `${text.slice(0, SHOWN_AT_MOST)}...` : text;
  } catch {
    return "an object";
  }
}
