/** What zod finds wrong, in plain sentences. */
import type { z } from "zod";
import { nearestName } from "../../core/nearest-name.ts";

/** One problem: where it is in the document and what it is. `at` says whether the key or the value is meant. */
export interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly at: "key" | "value";
}

const LONGEST_QUOTE = 80;

const KINDS: Readonly<Record<string, string>> = {
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};

/** Error map for `safeParse`: the sentence of one issue; for unknown keys one line per key. */
export function issueSentence(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      if (issue.input === undefined) return "is missing";
      return `expected ${KINDS[issue.expected] ?? issue.expected}, found ${describe(issue.input)}`;
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(key, keysOf(issue.inst))).join("\n");
    case "invalid_value":
      if (issue.input === undefined) return `is missing; ${expectedOneOf(issue.values.map(String))}`;
      return wrongName(issue.input, issue.values.map(String));
    case "too_small":
      return `${size(issue)} is too small; expected ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
    case "too_big":
      return `${size(issue)} is too large; expected ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`;
    case "invalid_union":
      return `${describe(issue.input)} is none of the forms expected here`;
    case "invalid_format":
      return `${describe(issue.input)} does not have the expected form${issue.pattern ? ` ${issue.pattern}` : ""}`;
    default:
      return issue.message ?? "is not valid";
  }
}

/** Issues as problems with paths, unions reduced to the form that the user evidently meant. */
export function issuesToProblems(
  issues: readonly z.core.$ZodIssue[],
  prefix: readonly (string | number)[] = [],
): readonly Problem[] {
  const misspelt = new Set(
    issues.filter(({ code }) => code === "unrecognized_keys").map(({ path }) => path.join("\0")),
  );
  return issues.flatMap((issue): readonly Problem[] => {
    // What a check of a whole mapping finds is a consequence of the key it does not know.
    if (issue.code === "custom" && misspelt.has(issue.path.join("\0"))) return [];
    if (issue.code === "too_big" && issues.some((other) => isTighter(other, issue))) return [];
    const path = [...prefix, ...issue.path.map((part) => (typeof part === "symbol" ? String(part) : part))];
    if (issue.code === "unrecognized_keys") {
      const messages = issue.message.split("\n");
      return issue.keys.map((key, index) => ({ path: [...path, key], message: messages[index], at: "key" }));
    }
    if (issue.code === "invalid_union") {
      const fitting = issue.errors.filter((branch) => !branch.some(isWrongForm));
      if (fitting.length > 0) return issuesToProblems(closest(fitting), path);
      const wrong = issue.errors.flatMap((branch) => branch.filter(isWrongForm));
      const specific = wrong.filter(({ code }) => code === "custom");
      const forms = new Set((specific.length > 0 ? specific : wrong).map(({ message }) => message));
      return [{ path, message: forms.size > 0 ? eitherForm([...forms]) : issue.message, at: "value" }];
    }
    if (issue.code === "invalid_key")
      return issuesToProblems(issue.issues, path).map((problem) => ({ ...problem, at: "key" }));
    if (issue.code === "invalid_type" && issue.input === undefined && path.length > 0) {
      const key = String(path.at(-1));
      if (isMisspelt(key, issue.path.slice(0, -1), issues)) return [];
      return [{ path: path.slice(0, -1), message: `the key "${key}" is missing`, at: "value" }];
    }
    return [{ path, message: issue.message, at: "value" }];
  });
}

/** An unknown key beside it is taken for this one, so that its absence is no second problem. */
function isMisspelt(key: string, parent: readonly PropertyKey[], issues: readonly z.core.$ZodIssue[]): boolean {
  const place = parent.join("\0");
  return issues.some(
    ({ code, path, message }) =>
      code === "unrecognized_keys" && path.join("\0") === place && message.includes(meant(key)),
  );
}

/** A number beyond what is exact is beyond any other limit too; the tighter limit says it all. */
function isTighter(other: z.core.$ZodIssue, issue: z.core.$ZodIssueTooBig): boolean {
  return other.code === "too_big" && other.path.join("\0") === issue.path.join("\0") && other.maximum < issue.maximum;
}

function faults(branch: readonly z.core.$ZodIssue[]): number {
  return branch.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? issue.keys.length : 1), 0);
}

/** The branch of a union that finds the fewest faults, every unknown key one of them. */
function closest(branches: readonly z.core.$ZodIssue[][]): readonly z.core.$ZodIssue[] {
  return branches.reduce((best, branch) => (faults(branch) < faults(best) ? branch : best));
}

/** The branch of a union does not even have the shape of what was written: a mapping, say, is no name. */
function isWrongForm(issue: z.core.$ZodIssue): boolean {
  const isName = issue.code === "invalid_value" && typeof issue.input !== "object";
  return issue.path.length === 0 && !isName && ["invalid_type", "invalid_value", "custom"].includes(issue.code);
}

/** `expected text or a mapping, found 5`, where every form says what was found. */
function eitherForm(forms: readonly string[]): string {
  const parts = forms.map((form) => /^expected (.+), (found .+)$/s.exec(form));
  const found = new Set(parts.map((part) => part?.[2]));
  const [one] = found;
  if (found.size > 1 || one === undefined) return forms.join(", or ");
  return `expected ${parts.map((part) => part?.[1]).join(" or ")}, ${one}`;
}

function unknownKey(key: string, known: readonly string[]): string {
  return `unknown key "${key}"; ${nearestOrAll(key, known)}`;
}

function wrongName(found: unknown, known: readonly string[]): string {
  return `${describe(found)} is not known here; ${nearestOrAll(String(found), known)}`;
}

function nearestOrAll(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  if (nearest !== undefined) return meant(nearest);
  return expectedOneOf(known);
}

function expectedOneOf(known: readonly string[]): string {
  return known.length === 1 ? `expected ${known[0]}` : `expected one of: ${known.join(", ")}`;
}

function meant(name: string): string {
  return `did you mean "${name}"?`;
}

function keysOf(schema: unknown): readonly string[] {
  const shape = (schema as z.core.$ZodObject | undefined)?._zod?.def?.shape;
  return shape === undefined ? [] : Object.keys(shape);
}

function size(issue: { readonly origin: string; readonly input?: unknown }): string {
  if (Array.isArray(issue.input)) return `a list of ${issue.input.length}`;
  if (issue.origin === "string") return `text of ${String(issue.input).length} characters`;
  return describe(issue.input);
}

function describe(value: unknown): string {
  if (value === null) return "nothing";
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  return typeof value === "string" ? quoted(value) : String(value);
}

/** A file that is no YAML is one long text. */
function quoted(text: string): string {
  return text.length <= LONGEST_QUOTE
    ? `"${text}"`
    : `"${text.slice(0, LONGEST_QUOTE)}..." (${text.length} characters)`;
}
