/** An explanation as text for people and as JSON for programs. */
import { type Actor, callerOf } from "../sim/explain/actors.ts";
import type { ExplainedVmm, Explanation, Step } from "../sim/explain/explanation.ts";
import { findings } from "../sim/explain/findings.ts";
import { type Group, itemsOf } from "../sim/explain/fold.ts";
import { addedUp, leftOut, type Outline, outlineOf } from "../sim/explain/outline.ts";
import { wholeNumber } from "./text-table.ts";

/** Characters of the column that says what happens; longer text goes on in the next line. */
const WORDS = 76;
const INDENT = "  ";
const SHORT: Partial<Record<Actor, string>> = { "user code": "user", "guest kernel": "kernel" };

interface Line {
  readonly text: string;
  readonly costs: readonly string[];
}

/** The steps side by side, the totals by cause, and what they say. */
export function explanationText(explanation: Explanation, all: boolean): string {
  const outline = outlineOf(explanation, all);
  const steps = new StepLines(explanation).of(outline);
  const names = explanation.vmms.map(({ name }) => name);
  const head: Line = { text: `${explanation.unit}`, costs: [...names, ...names.map((name) => `sum ${name}`)] };
  const omitted = leftOut(explanation, outline);
  const note =
    omitted === 0
      ? ""
      : `${wholeNumber(omitted)} steps that cost nothing on any of them are left out (--all shows them).\n`;
  return [
    ...headLines(explanation).flatMap((line) => wrapped(line, 110)),
    "",
    ...table([head, ...steps]),
    note,
    ...table([{ text: `${explanation.unit} by cause`, costs: names }, ...causeLines(explanation)]),
    "",
    ...findings(explanation).flatMap((sentence) => wrapped(sentence, 110)),
    "",
  ].join("\n");
}

function headLines({ operation, summary, machine, unit, operations, vmms }: Explanation): string[] {
  const rounds = operations === 1 ? "" : ` (${operations} operations, as one round of the benchmark has)`;
  const rings = vmms.map(
    ({ name, kernelRing }) => `${name} ${kernelRing === undefined ? "not stated" : `in ring ${kernelRing}`}`,
  );
  return [
    `${operation} on ${machine}: ${summary}${rounds}.`,
    `The guest's kernel runs: ${rings.join(", ")}. Costs in ${unit}, of all turns of a loop together; in the right half the sum so far.`,
    "4161[72]: empty -> 17 P-UA- means: entry 72 of the table in frame 4161 was empty and now refers to frame 17; present, not writable, user, accessed, not dirty.",
  ];
}

class StepLines {
  readonly #explanation: Explanation;
  /** What the VMM has to do for a kind of call is told where it occurs first. */
  readonly #told = new Set<string>();

  constructor(explanation: Explanation) {
    this.#explanation = explanation;
  }

  of(outline: readonly Outline[], indent = "", turns = 1): Line[] {
    return outline.flatMap((each) =>
      "items" in each ? this.#call(each.items, indent, turns) : this.#group(each, indent, turns),
    );
  }

  #group({ title, times, body }: Group<number>, indent: string, turns: number): Line[] {
    const [only] = body;
    if (body.length === 1 && title === undefined) {
      // One call again and again, or one part of the stream: one line for both.
      if ("items" in only) return this.#call(only.items, indent, turns);
      if (only.times === 1) return this.#group({ ...only, times }, indent, turns);
    }
    const head = [title, times === 1 ? undefined : `${times} times`].filter((word) => word !== undefined).join(", ");
    const line = this.#line(`${indent}${head}:`, body.flatMap(itemsOf), turns);
    return [line, ...this.of(body, indent + INDENT, turns * times)];
  }

  #call(calls: readonly number[], indent: string, turns: number): Line[] {
    const { kind, action, detail } = this.#explanation.calls[calls[0]];
    const times = calls.length === turns ? "" : ` x ${wholeNumber(calls.length / turns)}`;
    const where = detail === "" ? "" : ` (${detail}${calls.length === 1 ? "" : ", ..."})`;
    const line = this.#line(
      `${indent}${SHORT[callerOf(kind)] ?? callerOf(kind)} ${action}${times}${where}`,
      calls,
      turns,
    );
    const own = this.#explanation.vmms.map((vmm) => addedUp(calls.flatMap((call) => vmm.steps[call])));
    const causes = [...new Set(own.flatMap((steps) => steps.flatMap(({ cause }) => cause ?? [])))];
    const untold = causes.filter((cause) => !cause.startsWith("guest.") && !this.#told.has(`${kind} ${cause}`));
    for (const cause of untold) this.#told.add(`${kind} ${cause}`);
    return [line, ...untold.map((cause) => causeLine(cause, own, indent + INDENT))];
  }

  /** In a loop there is no one sum so far. */
  #line(text: string, calls: readonly number[], turns: number): Line {
    const { vmms } = this.#explanation;
    const last = Math.max(...calls);
    const costs = vmms.map(({ steps }) => calls.reduce((sum, call) => sum + costOf(steps[call]), 0));
    const soFar = turns > 1 ? [] : vmms.map(({ steps }) => steps[last][steps[last].length - 1].costSoFar);
    return { text, costs: [...costs, ...soFar].map(wholeNumber) };
  }
}

function causeLine(cause: string, own: readonly (readonly Step[])[], indent: string): Line {
  const found = own.map((steps) => steps.find((step) => step.cause === cause));
  const [{ actor, action }] = found.filter((step) => step !== undefined);
  const rings = [...new Set(found.flatMap((step) => (step?.ring === undefined ? [] : [step.ring])))];
  const ring = rings.length === 0 ? "" : ` in ring ${rings.join(" or ")}`;
  const counts = [...new Set(found.flatMap((step) => (step === undefined ? [] : [step.count])))];
  const count = counts.every((each) => each === 1) ? "" : ` x ${counts.map(wholeNumber).join(" or ")}`;
  return {
    text: `${indent}- ${actor}${ring}: ${action} [${cause}${count}]`,
    costs: found.map((step) => (step === undefined ? "" : wholeNumber(step.cost))),
  };
}

function causeLines({ vmms }: Explanation): Line[] {
  const causes = [...new Set(vmms.flatMap(({ events }) => Object.keys(events)))].sort();
  const ofCause = (cause: string): Line => ({
    text: cause,
    costs: vmms.map(({ byCause, events }) => {
      const times = events[cause];
      return times === undefined ? "" : `${wholeNumber(times)} x = ${wholeNumber(byCause[cause] ?? 0)}`;
    }),
  });
  return [...causes.map(ofCause), { text: "total", costs: vmms.map(({ total }) => wholeNumber(total)) }];
}

/** Words to the left, figures to the right. */
function table(lines: readonly Line[]): string[] {
  const columns = Math.max(...lines.map(({ costs }) => costs.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...lines.map(({ costs }) => (costs[column] ?? "").length)),
  );
  const width = Math.min(WORDS, Math.max(...lines.map(({ text }) => text.length)));
  return lines.flatMap(({ text, costs }) => {
    const indent = /^ */.exec(text)?.[0] ?? "";
    const [first, ...rest] = wrapped(text.trimStart(), width - indent.length - 2);
    const figures = widths.map((each, column) => (costs[column] ?? "").padStart(each)).join("  ");
    return [`${(indent + first).padEnd(width)}  ${figures}`.trimEnd(), ...rest.map((more) => `${indent}    ${more}`)];
  });
}

function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last !== "" && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}

function costOf(steps: readonly Step[]): number {
  return steps.reduce((sum, { cost }) => sum + cost, 0);
}

/** Steps by VMM; repetitions folded unless all are wanted. The figures of a group are those of all its turns together. */
export function explanationJson(explanation: Explanation, all: boolean): string {
  const { operation, machine, unit, operations, vmms } = explanation;
  const outline = outlineOf(explanation, all);
  const ofVmm = (vmm: ExplainedVmm): object => ({
    kernelRing: vmm.kernelRing,
    steps: outline.flatMap((each) => jsonSteps(each, vmm)),
    total: vmm.total,
    byCause: vmm.byCause,
  });
  const byVmm = Object.fromEntries(vmms.map((vmm) => [vmm.name, ofVmm(vmm)]));
  const sentences = findings(explanation);
  return `${JSON.stringify({ operation, machine, unit, operations, vmms: byVmm, findings: sentences }, undefined, 2)}\n`;
}

function jsonSteps(each: Outline, vmm: ExplainedVmm): readonly object[] {
  if ("items" in each) return addedUp(each.items.flatMap((call) => vmm.steps[call]));
  const cost = itemsOf(each).reduce((sum, call) => sum + costOf(vmm.steps[call]), 0);
  return [
    { operation: each.title, times: each.times, cost, steps: each.body.flatMap((inner) => jsonSteps(inner, vmm)) },
  ];
}
