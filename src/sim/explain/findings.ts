/** What the figures of an explanation say, in sentences. */
import { percent } from "../../core/percent.ts";
import { workOf } from "./actors.ts";
import type { ExplainedVmm, Explanation, Step } from "./explanation.ts";
import type { CallKind } from "./recorder.ts";

/** Causes named in a sentence: the largest ones, each of at least a twentieth of the whole. */
const MOST_CAUSES = 4;
const SMALLEST_SHARE = 0.05;
/** Part of a mean by which a round may be off it without a word. */
const AS_ON_AVERAGE = 0.01;

export function findings(explanation: Explanation): string[] {
  const base = baseline(explanation.vmms);
  const others = explanation.vmms.filter((vmm) => vmm !== base);
  const totals = others.length === 0 ? [aloneSentence(explanation, base)] : [];
  return [
    ...totals,
    ...meanSentences(explanation),
    ...others.flatMap((vmm) => differenceSentences(explanation, base, vmm)),
    ...writeSentences(explanation),
    ...faultSentences(explanation),
    ...addressSentences(explanation),
    ...hiddenSentences(explanation),
    ...switchSentences(explanation),
    ...waitSentences(explanation),
    ...others.flatMap((vmm) => deviceSentences(explanation, base, vmm)),
  ];
}

/** Bare metal where it is one of them, otherwise the cheapest. */
function baseline(vmms: readonly ExplainedVmm[]): ExplainedVmm {
  return vmms.find(({ name }) => name === "native") ?? vmms.reduce((a, b) => (b.total < a.total ? b : a));
}

function aloneSentence(explanation: Explanation, vmm: ExplainedVmm): string {
  const { unit } = explanation;
  return `${what(explanation)} costs ${amount(vmm.total)} ${unit} on ${vmm.name}: ${shares(vmm, undefined, unit)}.`;
}

/** Caches and TLBs make rounds differ; whoever holds the one that is shown against `vmmbench operations` has to know. */
function meanSentences({ vmms, unit, operations, means }: Explanation): string[] {
  if (means === undefined) return [];
  const { rounds, costs } = means;
  const here = vmms.map(({ total }) => total / operations);
  if (here.every((cost, at) => Math.abs(cost - costs[at]) < AS_ON_AVERAGE * costs[at])) return [];
  const each = vmms.map(({ name }, at) => `${amount(costs[at])} on ${name} (here ${amount(here[at])})`).join(", ");
  return [
    `The round shown is the first of ${amount(rounds)}, which differ; over all of them, an operation takes ${each}, in ${unit}.`,
  ];
}

/** Figures are those of a round of the benchmark, which may have many operations. */
function what({ operation, operations }: Explanation): string {
  return operations === 1 ? operation : `A round of ${operation} (${amount(operations)} operations)`;
}

function differenceSentences(explanation: Explanation, base: ExplainedVmm, vmm: ExplainedVmm): string[] {
  const { unit } = explanation;
  const costs = `${what(explanation)} costs ${amount(vmm.total)} ${unit} on ${vmm.name}`;
  const against = `${amount(base.total)} on ${base.name}`;
  const difference = vmm.total - base.total;
  if (difference === 0) return [`${costs}, as much as on ${base.name}.`];
  const ratio = `${(vmm.total / base.total).toFixed(2)} times the ${against}`;
  if (difference < 0) return [`${costs}, ${ratio}.`];
  return [`${costs}, ${ratio}. Of the ${amount(difference)} ${unit} more: ${shares(vmm, base, unit)}.`];
}

/** What a VMM has of a cause that another has not. */
interface Excess {
  readonly cause: string;
  /** Negative where it has less. */
  readonly cost: number;
  /** Events more; undefined where they are dearer or cheaper than elsewhere too, so that they are not all of it. */
  readonly count: number | undefined;
}

function excess(cause: string, vmm: ExplainedVmm, base: ExplainedVmm | undefined): Excess {
  const [cost, costThere] = [vmm, base].map((each) => each?.byCause[cause] ?? 0);
  const [count, countThere] = [vmm, base].map((each) => each?.events[cause] ?? 0);
  const isEquallyDear = countThere === 0 || cost * countThere === costThere * count;
  return { cause, cost: cost - costThere, count: isEquallyDear && count > countThere ? count - countThere : undefined };
}

/** "58 % vmm.shadow.trace (183 x 4,522 cycles on average: makes the write that trapped)". */
function shares(vmm: ExplainedVmm, base: ExplainedVmm | undefined, unit: string): string {
  const whole = vmm.total - (base?.total ?? 0);
  const largest = Object.keys({ ...base?.byCause, ...vmm.byCause })
    .map((cause) => excess(cause, vmm, base))
    .filter(({ cost }) => Math.abs(cost) >= SMALLEST_SHARE * whole)
    .sort((a, b) => Math.abs(b.cost) - Math.abs(a.cost))
    .slice(0, MOST_CAUSES);
  const texts = largest.map(({ cause, cost, count }) => {
    if (count === undefined) return `${percent(cost / whole)} ${cause}`;
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
  const { calls, vmms } = explanation;
  if (numberOf(explanation, "write-entry") === 0) return [];
  const numbers = vmms.map(
    ({ steps }) => calls.filter(({ kind }, call) => kind === "write-entry" && steps[call].length > 0).length,
  );
  const texts = vmms.map((vmm, index) => `on ${vmm.name} ${writesOn(explanation, vmm, numbers[index])}`);
  return [
    `The guest writes ${entriesWritten(vmms, numbers)}: ${texts.join("; ")}.`,
    ...reasonSentences(explanation, "write-entry"),
  ];
}

function entriesWritten(vmms: readonly ExplainedVmm[], numbers: readonly number[]): string {
  const [first] = numbers;
  if (numbers.every((number) => number === first))
    return first === 1 ? "one page-table entry" : `${amount(first)} page-table entries`;
  return `page-table entries, ${vmms.map(({ name }, index) => `${amount(numbers[index])} on ${name}`).join(", ")}`;
}

/** Why calls of a kind stop at the VMM at all, once for all VMMs with the same reason. */
function reasonSentences(explanation: Explanation, kind: CallKind): string[] {
  const names = new Map<string, string[]>();
  for (const vmm of explanation.vmms) {
    const causes = chargedCalls(explanation, vmm, [kind]).flatMap((steps) => steps.map(({ cause }) => cause));
    const reasons = new Set(causes.flatMap((cause) => (cause === null ? [] : (workOf(cause).needed ?? []))));
    for (const reason of reasons) names.set(reason, [...(names.get(reason) ?? []), vmm.name]);
  }
  return [...names].map(([reason, of]) => `Why on ${of.join(" and ")}: ${reason}.`);
}

function writesOn(explanation: Explanation, vmm: ExplainedVmm, writes: number): string {
  const { unit } = explanation;
  const guarded = chargedCalls(explanation, vmm, ["write-entry"]).filter((steps) => steps.some(isWorkOfVmm));
  const handingOver = [
    ...chargedCalls(explanation, vmm, ["commit", "read-entry"]),
    ...chargedCalls(explanation, vmm, ["activate", "invalidate"]).filter((steps) => steps.some(isMappingRequest)),
  ];
  const number = guarded.length === writes ? "every write" : amount(guarded.length);
  const needs =
    guarded.length === 0
      ? "no write needs the VMM"
      : `${number} ${guarded.length === 1 || number === "every write" ? "needs" : "need"} the VMM, ${each(guarded, unit)}`;
  if (handingOver.length === 0) return needs;
  const goes = handingOver.length === 1 ? "one go" : `${amount(handingOver.length)} goes`;
  return `${needs}, ${guarded.length === 0 ? "but" : "and"} changes are handed over in ${goes}, ${each(handingOver, unit)}`;
}

/** A kernel that is a process learns of its guest's new entries when it flushes, and has them mapped by its host then. */
function isMappingRequest({ cause }: Step): boolean {
  return cause === "vmm.mapping.request";
}

function isWorkOfVmm({ actor, cost }: Step): boolean {
  return actor === "VMM" && cost > 0;
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

/** The processor has one register for it, and a VMM may take faults of its own in between. Told where a fault is all there is. */
function addressSentences(explanation: Explanation): string[] {
  if (numberOf(explanation, "fault-address") !== 1) return [];
  const texts = explanation.vmms.flatMap(({ name, faultAddressIn }) =>
    faultAddressIn === null ? [] : [`on ${name} from ${faultAddressIn}`],
  );
  return texts.length === 0 ? [] : [`The handler reads which address was at fault ${texts.join("; ")}.`];
}

/** What a visit of a page may cost wherever it is. */
const OF_EVERY_VISIT: ReadonlySet<string | null> = new Set(["hardware.tlb-miss", "hardware.cache-line-fill"]);

/** Visits of pages that go through as far as the guest can tell, and still stop at the VMM. */
function hiddenSentences(explanation: Explanation): string[] {
  const sentences = explanation.vmms.flatMap((vmm) => {
    const hidden = chargedCalls(explanation, vmm, ["access", "kernel-access"]).filter(
      (steps) => steps.some(isWorkOfVmm) && !explanation.calls[steps[0].call].action.endsWith("fault"),
    );
    if (hidden.length === 0) return [];
    const own = hidden.map((steps) => steps.filter(({ cost, cause }) => cost > 0 && !OF_EVERY_VISIT.has(cause)));
    return [
      `On ${vmm.name} ${amount(hidden.length)} ${hidden.length === 1 ? "visit of a page stops" : "visits of pages stop"} ` +
        `at the VMM without the guest's knowing, ${each(own, explanation.unit)}.`,
    ];
  });
  return [...sentences, ...reasonSentences(explanation, "kernel-access")];
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

/** Time in which the processor has nothing to do is part of what an operation costs. */
function waitSentences({ vmms, unit }: Explanation): string[] {
  const waits = vmms.map(({ name, byCause }) => {
    const waiting = Object.entries(byCause).filter(([cause]) => cause.startsWith("wait."));
    return { name, cost: waiting.reduce((sum, [, cost]) => sum + cost, 0) };
  });
  if (waits.every(({ cost }) => cost === 0)) return [];
  const texts = waits.map(({ name, cost }) => `${amount(cost)} on ${name}`);
  return [`Waiting for the device is part of that: ${texts.join(", ")} (${unit}).`];
}

/**
 * Work that depends on the device that a VMM shows to its guest: other interrupts, packets of another size. Or on whether the kernel
 * was made for the VMM.
 */
function deviceSentences(explanation: Explanation, base: ExplainedVmm, vmm: ExplainedVmm): string[] {
  const [here, there] = [onlyOn(explanation, vmm, base), onlyOn(explanation, base, vmm)];
  const parts = [
    ...(here === "" ? [] : [`on ${vmm.name} only: ${here}`]),
    ...(there === "" ? [] : [`on ${base.name} only: ${there}`]),
  ];
  const what = numberOf(explanation, "device") === 0 ? "kernels" : "devices";
  return parts.length === 0 ? [] : [`The ${what} differ, so the guest has other work; ${parts.join("; ")}.`];
}

/** What comes earlier or later on one VMM than on the other is no other work. */
function onlyOn({ calls }: Explanation, some: ExplainedVmm, others: ExplainedVmm): string {
  const more = new Map<string, number>();
  calls.forEach(({ action }, call) => {
    const difference = Number(some.steps[call].length > 0) - Number(others.steps[call].length > 0);
    if (difference !== 0) more.set(action, (more.get(action) ?? 0) + difference);
  });
  return [...more]
    .filter(([, count]) => count > 0)
    .map(([action, count]) => `${amount(count)} x ${action}`)
    .join(", ");
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
  for (const { cause, count, cost } of calls.flat()) {
    if (cause !== null && cost > 0) counts.set(cause, (counts.get(cause) ?? 0) + count);
  }
  return [...counts].map(([cause, count]) => `${amount(count)} ${cause}`).join(", ");
}

function mean(calls: readonly (readonly Step[])[]): number {
  return costOf(calls.flat()) / calls.length;
}

function costOf(steps: readonly Step[]): number {
  return steps.reduce((sum, { cost }) => sum + cost, 0);
}

/** Whole numbers as they are, others rounded; two digits at least. */
function amount(value: number): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 10 ? 0 : 1;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}
