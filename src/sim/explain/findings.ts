/** What the figures of an explanation say, in sentences. */
import { workOf } from "./actors.ts";
import type { ExplainedVmm, Explanation, Step } from "./explanation.ts";
import type { CallKind } from "./recorder.ts";

/** Causes named in a sentence: the largest ones, each of at least a twentieth of the whole. */
const MOST_CAUSES = 4;
const SMALLEST_SHARE = 0.05;

export function findings(explanation: Explanation): string[] {
  const base = baseline(explanation.vmms);
  const others = explanation.vmms.filter((vmm) => vmm !== base);
  const totals = others.length === 0 ? [aloneSentence(explanation, base)] : [];
  return [
    ...totals,
    ...others.flatMap((vmm) => differenceSentences(explanation, base, vmm)),
    ...writeSentences(explanation),
    ...faultSentences(explanation),
    ...hiddenSentences(explanation),
    ...switchSentences(explanation),
  ];
}

/** Bare metal where it is one of them, otherwise the cheapest. */
function baseline(vmms: readonly ExplainedVmm[]): ExplainedVmm {
  return vmms.find(({ name }) => name === "native") ?? vmms.reduce((a, b) => (b.total < a.total ? b : a));
}

function aloneSentence({ operation, unit }: Explanation, { name, total, byCause, events }: ExplainedVmm): string {
  return `${operation} costs ${amount(total)} ${unit} on ${name}: ${shares(byCause, total, events, unit)}.`;
}

function differenceSentences({ operation, unit }: Explanation, base: ExplainedVmm, vmm: ExplainedVmm): string[] {
  const costs = `${operation} costs ${amount(vmm.total)} ${unit} on ${vmm.name}`;
  const against = `${amount(base.total)} on ${base.name}`;
  const difference = vmm.total - base.total;
  if (difference === 0) return [`${costs}, as much as on ${base.name}.`];
  const ratio = `${(vmm.total / base.total).toFixed(2)} times the ${against}`;
  if (difference < 0) return [`${costs}, ${ratio}.`];
  const more = shares(remainder(vmm.byCause, base.byCause), difference, remainder(vmm.events, base.events), unit);
  return [`${costs}, ${ratio}. Of the ${amount(difference)} ${unit} more: ${more}.`];
}

/** What `all` has more than `some`, name by name; negative where it has less. */
function remainder(
  all: Readonly<Record<string, number>>,
  some: Readonly<Record<string, number>>,
): Record<string, number> {
  const names = Object.keys({ ...all, ...some });
  return Object.fromEntries(names.map((name) => [name, (all[name] ?? 0) - (some[name] ?? 0)]));
}

/** "58 % vmm.shadow.trace (183 x 4,522 cycles on average: the write traps)". */
function shares(
  costs: Readonly<Record<string, number>>,
  whole: number,
  events: Readonly<Record<string, number>>,
  unit: string,
): string {
  const largest = Object.entries(costs)
    .filter(([, cost]) => Math.abs(cost) >= SMALLEST_SHARE * whole)
    .sort(([, a], [, b]) => Math.abs(b) - Math.abs(a))
    .slice(0, MOST_CAUSES);
  const texts = largest.map(([cause, cost]) => {
    const count = events[cause];
    // As many events as elsewhere, each dearer or cheaper; or fewer of them.
    if (count <= 0 || cost < 0) return `${percent(cost / whole)} ${cause}`;
    const { action } = workOf(cause);
    return `${percent(cost / whole)} ${cause} (${product(count, cost, unit)}${action === undefined ? "" : `: ${action}`})`;
  });
  return texts.join("; ");
}

function product(count: number, cost: number, unit: string): string {
  return `${amount(count)} x ${amount(cost / count)} ${unit}${count === 1 ? "" : " on average"}`;
}

/** The same writes of page-table entries, and what has to be done for them. */
function writeSentences(explanation: Explanation): string[] {
  const writes = numberOf(explanation, "write-entry");
  if (writes === 0) return [];
  const texts = explanation.vmms.map((vmm) => `on ${vmm.name} ${writesOn(explanation, vmm, writes)}`);
  const what = writes === 1 ? "one page-table entry" : `${amount(writes)} page-table entries`;
  return [`The guest writes ${what}: ${texts.join("; ")}.`];
}

function writesOn(explanation: Explanation, vmm: ExplainedVmm, writes: number): string {
  const { unit } = explanation;
  const trapping = chargedCalls(explanation, vmm, ["write-entry"]);
  const handingOver = chargedCalls(explanation, vmm, ["commit", "read-entry"]);
  const number = trapping.length === writes ? "every write" : amount(trapping.length);
  const traps =
    trapping.length === 0
      ? "no write traps"
      : `${number} ${trapping.length === 1 || number === "every write" ? "traps" : "trap"}, ${each(trapping, unit)}`;
  if (handingOver.length === 0) return traps;
  const goes = handingOver.length === 1 ? "one go" : `${amount(handingOver.length)} goes`;
  return `${traps}, but changes are handed over in ${goes}, ${each(handingOver, unit)}`;
}

/** "6,070 cycles on average (27 vmm.hypercall, 392 vmm.direct.validate)". */
function each(calls: readonly (readonly Step[])[], unit: string): string {
  return `${amount(mean(calls))} ${unit}${calls.length === 1 ? "" : " on average"} (${causes(calls)})`;
}

/** From the fault of an instruction to the first instruction of the guest's handler. */
function faultSentences(explanation: Explanation): string[] {
  const faults = numberOf(explanation, "fault");
  if (faults === 0) return [];
  const texts = explanation.vmms.map((vmm) => {
    const entries = explanation.calls.flatMap(({ kind, action }, call) =>
      kind === "fault" || (kind === "enter-kernel" && action.endsWith("page-fault")) ? vmm.steps[call] : [],
    );
    return `${amount(costOf(entries) / faults)} on ${vmm.name}`;
  });
  const times = faults === 1 ? "The one page fault" : `Each of the ${amount(faults)} page faults`;
  return [`${times} takes ${texts.join(", ")} (${explanation.unit}) to reach the guest's handler and to come back.`];
}

/** Visits of pages that go through as far as the guest can tell, and still stop at the VMM. */
function hiddenSentences(explanation: Explanation): string[] {
  return explanation.vmms.flatMap((vmm) => {
    const hidden = chargedCalls(explanation, vmm, ["access"]).filter(
      (steps) =>
        steps.some(({ actor }) => actor === "VMM") && !explanation.calls[steps[0].call].action.endsWith("fault"),
    );
    if (hidden.length === 0) return [];
    const own = hidden.map((steps) => steps.filter(({ actor }) => actor === "VMM"));
    return [
      `On ${vmm.name} ${amount(hidden.length)} ${hidden.length === 1 ? "visit of a page stops" : "visits of pages stop"} ` +
        `at the VMM without the guest's knowing, ${each(own, explanation.unit)}.`,
    ];
  });
}

function switchSentences(explanation: Explanation): string[] {
  const switches = numberOf(explanation, "switch-root");
  if (switches === 0) return [];
  const texts = explanation.vmms.map(
    (vmm) => `${amount(costOf(chargedCalls(explanation, vmm, ["switch-root"]).flat()) / switches)} on ${vmm.name}`,
  );
  const times = switches === 1 ? "The change" : `Each of the ${amount(switches)} changes`;
  return [`${times} to another address space takes ${texts.join(", ")} (${explanation.unit}).`];
}

function numberOf({ calls }: Explanation, kind: CallKind): number {
  return calls.filter((call) => call.kind === kind).length;
}

/** The steps of every call of some kinds that costs anything. */
function chargedCalls(
  { calls }: Explanation,
  { steps }: ExplainedVmm,
  kinds: readonly CallKind[],
): (readonly Step[])[] {
  return steps.filter((own, call) => kinds.includes(calls[call].kind) && costOf(own) > 0);
}

function causes(calls: readonly (readonly Step[])[]): string {
  const counts = new Map<string, number>();
  for (const { cause, count } of calls.flat()) {
    if (cause !== null) counts.set(cause, (counts.get(cause) ?? 0) + count);
  }
  return [...counts].map(([cause, count]) => `${amount(count)} ${cause}`).join(", ");
}

function mean(calls: readonly (readonly Step[])[]): number {
  return costOf(calls.flat()) / calls.length;
}

function costOf(steps: readonly Step[]): number {
  return steps.reduce((sum, { cost }) => sum + cost, 0);
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** Whole numbers as they are, others rounded; two digits at least. */
function amount(value: number): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 10 ? 0 : 1;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}
