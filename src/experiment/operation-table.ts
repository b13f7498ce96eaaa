/** Microbenchmarks of a machine on VMMs, by name. */
import { InputError } from "../core/input-error.ts";
import { suggestion } from "../core/nearest-name.ts";
import { ImpossibleInstruction } from "../guest/impossible-instruction.ts";
import type { MachineProfile } from "../machine/profile.ts";
import { microbenchmarks } from "../sim/microbenchmarks/catalogue.ts";
import {
  type MeasuredCost,
  measureMicrobenchmark,
  type Microbenchmark,
} from "../sim/microbenchmarks/microbenchmark.ts";
import { megabitsPerSecond, wireMegabitsPerSecond } from "../sim/microbenchmarks/tcp.ts";
import type { Vmm } from "../vmm/contract.ts";
import { locate } from "./catalogue.ts";
import { loadMachine } from "./documents/load-machine.ts";
import { loadVmms } from "./load-vmm.ts";
import { measurementAdvice } from "./skip-advice.ts";

export interface NotMeasured {
  readonly operations: readonly string[];
  readonly vmm: string;
  /** It can be on no machine. */
  readonly impossible: boolean;
  /** In a sentence, with the machines of the package on which it can be. */
  readonly reason: string;
}

/** Rates of a bulk transfer, in Mb/s of payload. */
export interface TransferRates {
  /** As fast as the wire is. Who takes longer for a packet never waits for it, but works all the time. */
  readonly wire: number;
  /** Who takes less time for a packet is as fast as the wire, however much the socket buffer lets it get ahead. */
  readonly vmms: Readonly<Record<string, number>>;
}

export interface OperationTable {
  readonly machine: string;
  readonly unit: MachineProfile["unit"];
  /** Their names, in the order in which they were given; a path gives the name of the VMM in it. */
  readonly vmms: readonly string[];
  /** By operation, then by VMM. */
  readonly operations: Readonly<Record<string, Readonly<Record<string, MeasuredCost>>>>;
  /** By operation, of those that are bulk transfers. */
  readonly rates: Readonly<Record<string, TransferRates>>;
  /** What could not be measured: the same VMM and reason once, with all its operations. */
  readonly notMeasured: readonly NotMeasured[];
}

/** What is missing for one reason. */
interface Missing {
  readonly names: readonly string[];
  readonly impossible: boolean;
}

/** Measure operations (all, if none is named). Throws an {@link InputError} for a machine, VMM or operation that doesn't exist. */
export async function operationTable(
  machine: string,
  vmmNames: readonly string[],
  only: readonly string[],
): Promise<OperationTable> {
  const { profile } = loadMachine(locate("machines", machine, "."));
  const vmms = await loadVmms(vmmNames);
  const operations: Record<string, Record<string, MeasuredCost>> = {};
  const benchmarks = chosenBenchmarks(profile, only);
  const missing = new Map<Vmm, Map<string, Missing>>(vmms.map((vmm) => [vmm, new Map()]));
  for (const benchmark of benchmarks) {
    for (const [vmm, byReason] of missing) {
      try {
        (operations[benchmark.name] ??= {})[vmm.name] = measureMicrobenchmark(benchmark, vmm, profile);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        const names = [...(byReason.get(error.message)?.names ?? []), benchmark.name];
        byReason.set(error.message, { names, impossible: error instanceof ImpossibleInstruction });
      }
    }
  }
  const notMeasured = [...missing].flatMap(([vmm, byReason]) =>
    [...byReason].map(([reason, { names, impossible }]) => {
      const isAll = only.length === 0 && names.length === benchmarks.length;
      const advice = impossible ? reason : measurementAdvice(reason, isAll ? undefined : names, vmm);
      return { operations: names, vmm: vmm.name, impossible, reason: advice };
    }),
  );
  return {
    machine: profile.name,
    unit: profile.unit,
    vmms: vmms.map(({ name }) => name),
    operations: withoutEmpty(operations),
    rates: transferRates(benchmarks, operations, profile),
    notMeasured,
  };
}

function transferRates(
  benchmarks: readonly Microbenchmark[],
  operations: OperationTable["operations"],
  profile: MachineProfile,
): Record<string, TransferRates> {
  const rates: Record<string, TransferRates> = {};
  for (const { name, mtu } of benchmarks) {
    const costs = Object.entries(operations[name]);
    if (mtu === undefined || costs.length === 0) continue;
    const wire = wireMegabitsPerSecond(mtu, profile);
    const ofVmm = costs.map(([vmm, { cost }]) => [vmm, Math.min(wire, megabitsPerSecond(cost, mtu, profile))] as const);
    rates[name] = { wire, vmms: Object.fromEntries(ofVmm) };
  }
  return rates;
}

/**
 * The microbenchmarks of these names, in the order of the catalogue; all of them if no name is given. The first word will
 * do where only one begins with it: `fork` for `fork-proc`.
 */
export function chosenBenchmarks(profile: MachineProfile, chosen: readonly string[]): readonly Microbenchmark[] {
  const all = microbenchmarks(profile);
  const names = all.map(({ name }) => name);
  const only = chosen.map((name) => fullName(name, names));
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new InputError(
      unknown.map((name) => `machine "${profile.name}" has no operation "${name}"; ${suggestion(name, names)}`),
    );
  }
  return only.length === 0 ? all : all.filter(({ name }) => only.includes(name));
}

function fullName(name: string, names: readonly string[]): string {
  if (names.includes(name)) return name;
  const longer = names.filter((one) => one.startsWith(`${name}-`) || one.startsWith(`${name}_`));
  return longer.length === 1 ? longer[0] : name;
}

function withoutEmpty<T extends object>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => Object.keys(value).length > 0));
}
