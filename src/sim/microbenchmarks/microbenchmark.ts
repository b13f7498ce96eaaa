/** A microbenchmark: one operation of a guest, repeated, and what it costs on a VMM with every event that made the cost. */
import { Ledger } from "../../core/ledger.ts";
import { requireKernelPaths } from "../../guest/kernel-paths.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import type { Vmm } from "../../vmm/contract.ts";
import type { CompiledWorkload, GuestShape } from "../../workload/compiled-workload.ts";
import { Op, OperationStreamBuilder, SYSTEM_CALLS } from "../../workload/operation-stream.ts";
import { bootGuest } from "../monitor.ts";
import { playOperation } from "../stream-player.ts";

export interface Microbenchmark {
  readonly name: string;
  readonly summary: string;
  readonly guest: GuestShape;
  /** Rounds that are played before the measurement begins, and rounds measured. */
  readonly warmUpRounds: number;
  readonly rounds: number;
  /** Operations in one round (1,024 where a round touches 1,024 pages and the figure is per page). */
  readonly operationsPerRound: number;
  /** Of a bulk transfer, an operation of which is a packet of this size: a rate follows from its cost. */
  readonly mtu?: number;
  /** What goes before the first round. */
  prepare?(builder: OperationStreamBuilder): void;
  /** What goes before each round, and is not measured. */
  setUp?(builder: OperationStreamBuilder, turn: number): void;
  /** Round `turn`, counted from 0 over warm-up and measurement. */
  round(builder: OperationStreamBuilder, turn: number): void;
}

/** Processes that switch, and the KB that each of them uses meanwhile: the columns of lmbench's summary. */
export const CONTEXT_SWITCHES: readonly (readonly [processes: number, kilobytes: number])[] = [
  [2, 0],
  [2, 16],
  [2, 64],
  [8, 16],
  [8, 64],
  [16, 16],
  [16, 64],
];

type Round = Microbenchmark["round"];

/** Makes microbenchmarks that have a guest and a number of rounds in common; a round is one operation if nothing else is said. */
export function microbenchmarksOf(common: Pick<Microbenchmark, "guest" | "warmUpRounds" | "rounds">) {
  return (name: string, summary: string, round: Round, more: Partial<Microbenchmark> = {}): Microbenchmark => {
    return { ...common, operationsPerRound: 1, name, summary, round, ...more };
  };
}

/** A round of one system call of a kind. */
export function oneSystemCall(kind: (typeof SYSTEM_CALLS)[number]): Round {
  return (builder) => builder.add(Op.Syscall, SYSTEM_CALLS.indexOf(kind), 1);
}

/** Means per operation. */
export interface MeasuredCost {
  /** In the unit of the machine profile; time spent waiting for devices included. */
  readonly cost: number;
  /** Events by name: every cause of the ledger, and what is counted without a cost of its own. */
  readonly events: Readonly<Record<string, number>>;
  readonly ledger: Readonly<Record<string, number>>;
  /** SHA-256 of the operation stream: equal work has equal digests. */
  readonly digest: string;
}

/** Play a microbenchmark on a VMM. Throws an InputError when the machine profile lacks a cost that it needs. */
export function measureMicrobenchmark(benchmark: Microbenchmark, vmm: Vmm, profile: MachineProfile): MeasuredCost {
  const { workload, measured } = compileMicrobenchmark(benchmark);
  const { kernel, machine } = bootGuest(vmm, profile, workload);
  const { stream } = workload;
  const ledger = new Ledger();
  const notMeasured = new Ledger();
  let next = 0;
  for (const { from, to } of measured) {
    machine.meter.ledger = notMeasured;
    while (next < from) playOperation(kernel, stream, next++);
    machine.meter.ledger = ledger;
    while (next < to) playOperation(kernel, stream, next++);
  }
  requireKernelPaths(profile, ledger.total);
  const operations = benchmark.rounds * benchmark.operationsPerRound;
  const mean = (amounts: Record<string, number>): Record<string, number> =>
    Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount / operations]));
  return {
    cost: ledger.total / operations,
    events: mean(ledger.eventsByName()),
    ledger: mean(ledger.cyclesByCause()),
    digest: stream.digest,
  };
}

/** A range of the operations of a stream, without its end. */
export interface StreamRange {
  readonly from: number;
  readonly to: number;
}

interface CompiledMicrobenchmark {
  readonly workload: CompiledWorkload;
  readonly measured: readonly StreamRange[];
}

export function compileMicrobenchmark(benchmark: Microbenchmark): CompiledMicrobenchmark {
  const builder = new OperationStreamBuilder();
  benchmark.prepare?.(builder);
  const measured: StreamRange[] = [];
  for (let turn = 0; turn < benchmark.warmUpRounds + benchmark.rounds; turn++) {
    benchmark.setUp?.(builder, turn);
    const from = builder.length;
    benchmark.round(builder, turn);
    if (turn >= benchmark.warmUpRounds) measured.push({ from, to: builder.length });
  }
  const stream = builder.finish();
  const workload = { name: benchmark.name, guest: benchmark.guest, stream, durationUs: 0, warmupUs: 0 };
  return { workload, measured };
}
