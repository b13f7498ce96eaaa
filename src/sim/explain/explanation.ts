/** An operation explained: what happens in it, step by step, on each of several VMMs that do the same work. */
import { InputError } from "../../core/input-error.ts";
import { BrokenContract } from "../../vmm/allocation/wrong-answer.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import type { KernelRing, Vmm } from "../../vmm/contract.ts";
import type { Microbenchmark } from "../microbenchmarks/microbenchmark.ts";
import { callerOf, type Rings, ringOf, ringOfWork, ringsOf, workOf } from "./actors.ts";
import { align } from "./alignment.ts";
import { type RecordedRound, recordRound } from "./record-round.ts";
import type { Call } from "./recorder.ts";
import type { Actor } from "./work.ts";

/** One thing that somebody does on one VMM. */
export interface Step {
  /** Number of the call of the guest that it belongs to, from 0: the same call has the same number on every VMM. */
  readonly call: number;
  readonly actor: Actor;
  /** Null: hardware, or a CPU part that does not say where it runs the guest's kernel. */
  readonly ring: string | null;
  readonly action: string;
  /** Which page, table, entry, before and after. */
  readonly detail: string;
  /** Cause of the ledger; null where a call costs nothing. */
  readonly cause: string | null;
  /** Events of that cause. */
  readonly count: number;
  /** In the unit of the machine, all events together. */
  readonly cost: number;
  readonly costSoFar: number;
}

/** What the guest did, whatever it runs on; where devices differ, what it did on one of the VMMs at least. */
export type GuestCall = Omit<Call, "charges">;

export interface ExplainedVmm {
  readonly name: string;
  readonly title: string;
  /** Where the guest's kernel runs; null: the CPU part does not say. */
  readonly kernelRing: KernelRing | null;
  /** Where its handler of page faults finds their address; null: the CPU part does not say. */
  readonly faultAddressIn: string | null;
  /** Steps by number of the call; none of calls that the guest does not make here. */
  readonly steps: readonly (readonly Step[])[];
  readonly total: number;
  readonly byCause: Readonly<Record<string, number>>;
  readonly events: Readonly<Record<string, number>>;
}

export interface Explanation {
  readonly operation: string;
  readonly summary: string;
  readonly machine: string;
  readonly unit: MachineProfile["unit"];
  /** Operations in what is explained: one round of the microbenchmark. */
  readonly operations: number;
  readonly calls: readonly GuestCall[];
  readonly vmms: readonly ExplainedVmm[];
  /** Mean cost of an operation over all rounds of the microbenchmark, by VMM. Absent: was not measured. */
  readonly means?: { readonly rounds: number; readonly costs: readonly number[] };
}

/**
 * Explain an operation on VMMs. Throws an {@link InputError} when the machine profile lacks a cost that one of them needs,
 * or when a VMM makes the guest do other work than the first one does, devices apart.
 */
export function explain(benchmark: Microbenchmark, vmms: readonly Vmm[], profile: MachineProfile): Explanation {
  const rounds = vmms.map((vmm) => roundOn(vmm, benchmark, profile));
  const { calls, own } = align(
    vmms.map(({ name }) => name),
    rounds.map((round) => round.calls),
  );
  return {
    operation: benchmark.name,
    summary: benchmark.summary,
    machine: profile.name,
    unit: profile.unit,
    operations: benchmark.operationsPerRound,
    calls: calls.map(({ operation, turn, kind, action, detail }) => ({ operation, turn, kind, action, detail })),
    vmms: vmms.map((vmm, index) => explainedVmm(vmm, profile, rounds[index], own[index])),
  };
}

/** A round recorded. Of several VMMs, an error says which of them lacks a cost of the machine. */
function roundOn(vmm: Vmm, benchmark: Microbenchmark, profile: MachineProfile): RecordedRound {
  try {
    return recordRound(benchmark, vmm, profile);
  } catch (error) {
    if (!(error instanceof InputError) || BrokenContract.isOne(error)) throw error;
    throw new InputError(error.problems.map((problem) => `${vmm.name}: ${problem}`));
  }
}

/** What an operation has cost on a VMM when a call is over. */
export function costAfter({ steps }: ExplainedVmm, call: number): number {
  let last = call;
  while (last >= 0 && steps[last].length === 0) last--;
  return last < 0 ? 0 : steps[last][steps[last].length - 1].costSoFar;
}

function explainedVmm(
  vmm: Vmm,
  profile: MachineProfile,
  { ledger }: RecordedRound,
  calls: readonly (Call | undefined)[],
): ExplainedVmm {
  const rings = ringsOf(vmm, profile.pageTable);
  let costSoFar = 0;
  const steps = calls.map((call, number) => {
    const own = call === undefined ? [] : stepsOf(call, number, rings, costSoFar);
    if (own.length > 0) costSoFar = own[own.length - 1].costSoFar;
    return own;
  });
  const { name, title } = vmm;
  const byCause = ledger.cyclesByCause();
  const events = ledger.eventsByName();
  const faultAddressIn = vmm.cpu.definition.faultAddressIn?.(profile) ?? null;
  return { name, title, kernelRing: rings.kernel, faultAddressIn, steps, total: ledger.total, byCause, events };
}

/** One step for each charge; one without cost for a call that nothing was charged for. */
function stepsOf({ kind, action, detail, charges }: Call, call: number, rings: Rings, before: number): Step[] {
  const caller = callerOf(kind);
  if (charges.length === 0) {
    const ring = ringOf(caller, rings);
    return [{ call, actor: caller, ring, action, detail, cause: null, count: 0, cost: 0, costSoFar: before }];
  }
  let costSoFar = before;
  return charges.map(({ cause, count, cost }) => {
    const work = kind === "event" ? { actor: caller } : workOf(cause);
    costSoFar += cost;
    const ring = ringOfWork(work, rings);
    return { call, actor: work.actor, ring, action: work.action ?? action, detail, cause, count, cost, costSoFar };
  });
}
