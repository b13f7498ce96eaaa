/** An explanation as text for people and as JSON for programs. */
import { explanationLines, kernelRings, notation } from "../report/explanation-lines.ts";
import { wrapText } from "../report/wrap-text.ts";
import type { ExplainedVmm, Explanation } from "../sim/explain/explanation.ts";
import { findings } from "../sim/explain/findings.ts";
import { itemsOf } from "../sim/explain/fold.ts";
import { addedUp, leftOut, type Outline, outlineOf } from "../sim/explain/outline.ts";
import { WIDEST, wholeNumber } from "./text-table.ts";

/** Characters of the column that says what happens; longer text goes on in the next line. */
const WORDS = 80;

interface Line {
  readonly indent: string;
  readonly text: string;
  readonly figures: readonly string[];
}

/** The steps side by side, the totals by cause, and what they say. */
export function explanationText(explanation: Explanation, all: boolean): string {
  const { unit, vmms } = explanation;
  const outline = outlineOf(explanation, all);
  const names = vmms.map(({ name }) => name);
  const head = { indent: "", text: unit, figures: [...names, ...names.map((name) => `sum ${name}`)] };
  const steps = explanationLines(explanation, outline).map(({ depth, text, costs, soFar }) => ({
    indent: "  ".repeat(depth),
    text,
    figures: [...costs, ...soFar].map((cost) => (cost === undefined ? "" : wholeNumber(cost))),
  }));
  const causes = { indent: "", text: `${unit} by cause`, figures: names };
  return [
    ...headLines(explanation).flatMap((line) => wrapText(line, WIDEST)),
    "",
    ...table([head, ...steps]),
    ...omitted(leftOut(explanation, outline)),
    "",
    ...table([causes, ...causeLines(explanation)]),
    "",
    ...findings(explanation).flatMap((sentence) => wrapText(sentence, WIDEST)),
    "",
  ].join("\n");
}

function headLines(explanation: Explanation): string[] {
  const { operation, summary, machine, unit, operations } = explanation;
  const round = operations === 1 ? "" : ` (one round of the benchmark: ${operations} operations)`;
  const loops = `Costs in ${unit}, of all turns of a loop together; on the right the sum so far.`;
  return [
    `${operation} on ${machine}: ${summary}${round}.`,
    `The guest's kernel runs: ${kernelRings(explanation)}. ${loops}`,
    ...[notation(explanation)].filter((line) => line !== undefined),
  ];
}

function omitted(calls: number): string[] {
  if (calls === 0) return [];
  const what = calls === 1 ? "One step that costs nothing is" : `${wholeNumber(calls)} steps that cost nothing are`;
  return [`${what} left out (--all shows everything).`];
}

function causeLines({ vmms }: Explanation): Line[] {
  const causes = [...new Set(vmms.flatMap(({ events }) => Object.keys(events)))].sort();
  return [
    ...causes.map((cause) => ({ indent: "", text: cause, figures: vmms.map((vmm) => eventsTimesCost(cause, vmm)) })),
    { indent: "", text: "total", figures: vmms.map(({ total }) => wholeNumber(total)) },
  ];
}

function eventsTimesCost(cause: string, { byCause, events }: ExplainedVmm): string {
  return cause in events ? `${wholeNumber(events[cause])} x = ${wholeNumber(byCause[cause] ?? 0)}` : "";
}

/** Words to the left, figures to the right. */
function table(lines: readonly Line[]): string[] {
  const widths = lines[0].figures.map((_, column) => longest(lines.map(({ figures }) => figures[column] ?? "")));
  const words = Math.min(WORDS, longest(lines.map(({ indent, text }) => indent + text)));
  return lines.flatMap(({ indent, text, figures }) => {
    const [first, ...rest] = wrapText(text, words - indent.length);
    const columns = widths.map((width, column) => (figures[column] ?? "").padStart(width)).join("  ");
    return [`${(indent + first).padEnd(words)}  ${columns}`.trimEnd(), ...rest.map((more) => `${indent}    ${more}`)];
  });
}

function longest(texts: readonly string[]): number {
  return texts.reduce((most, { length }) => Math.max(most, length), 0);
}

/** Steps by VMM; repetitions folded unless all are wanted. The figures of a group are those of all its turns together. */
export function explanationJson(explanation: Explanation, all: boolean): string {
  const { operation, machine, unit, operations, vmms } = explanation;
  const outline = outlineOf(explanation, all);
  const ofVmm = (vmm: ExplainedVmm): object => ({
    kernelRing: vmm.kernelRing,
    faultAddressIn: vmm.faultAddressIn,
    steps: outline.flatMap((each) => jsonSteps(each, vmm)),
    total: vmm.total,
    byCause: vmm.byCause,
  });
  const byVmm = Object.fromEntries(vmms.map((vmm) => [vmm.name, ofVmm(vmm)]));
  const sentences = findings(explanation);
  return `${JSON.stringify({ operation, machine, unit, operations, vmms: byVmm, findings: sentences }, undefined, 2)}\n`;
}

function jsonSteps(each: Outline, vmm: ExplainedVmm): readonly object[] {
  const steps = itemsOf(each).flatMap((call) => vmm.steps[call]);
  if ("items" in each) return addedUp(steps);
  const cost = steps.reduce((sum, step) => sum + step.cost, 0);
  const body = each.body.flatMap((inner) => jsonSteps(inner, vmm));
  return [{ operation: each.title ?? null, times: each.times, cost, steps: body }];
}
