/** What a source of published figures asks of the models: which figure is held against which simulated one. */
import type { SourcedNumber } from "../../experiment/documents/machine-numbers.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import type { CellOutcome } from "../../sim/cell.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import type { MeasuredCost } from "../../sim/microbenchmarks/microbenchmark.ts";

/** A VMM of the registry by name, or with parts changed as in a matrix file: `{ workstation: { cpu: "hardware-assist" } }`. */
export type VmmReference = string | Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Guests of one kind on a host. */
export interface BenchGuests {
  readonly workload: string;
  readonly count: number;
  /** Of each of them; 1 by default. */
  readonly shares?: readonly number[];
  /** Of each of them; 1 by default. */
  readonly vcpus?: number;
  /** How many requests the clients of a closed loop send; absent: as the workload says. */
  readonly requests?: number;
}

/** Guests side by side on a host with as much memory as they have. */
export interface BenchHost {
  readonly machine: string;
  readonly vmm: VmmReference;
  readonly guests: readonly BenchGuests[];
  /** Simulated time, and the part of it that is not measured; absent: as the workloads say. */
  readonly seconds?: number;
  readonly warmupSeconds?: number;
  /** Of the guests' work; 1 by default. */
  readonly seed?: number;
}

/** Guests that a set describes itself, on a host with so much memory for VMs. */
export interface BenchMemory {
  readonly machine: string;
  readonly vmm: VmmReference;
  readonly mib: number;
  readonly guests: () => readonly CompiledWorkload[];
  /** The guests run the kernel as it was released, whatever build of it the machine's own source had. */
  readonly asReleased?: true;
}

/** Runs simulations, each at most once. Machines, operations and workloads are named as on the command line. */
export interface Bench {
  profile(machine: string): MachineProfile;
  /** Mean cost of a microbenchmark, in the unit of the machine. */
  operation(machine: string, vmm: VmmReference, operation: string): MeasuredCost;
  /** One guest with this work, every trap simulated, seed 1. */
  workload(machine: string, vmm: VmmReference, workload: string): CellOutcome;
  /** Many guests, every page simulated. */
  host(host: BenchHost): CellOutcome;
  /** The same with guests made by the set. `name` stands for them: one name, one set of guests. */
  memory(name: string, host: BenchMemory): CellOutcome;
  /** Anything else that takes long and that several rows want to know. */
  once<T>(name: string, compute: () => T): T;
}

/**
 * `calibration`: a number of a machine profile was derived from this figure. `prediction`: none was.
 */
export type Role = "calibration" | "prediction";

export interface ValidationRow {
  /** As in the collection of published figures. */
  readonly id: string;
  readonly role: Role;
  /** The simulated value in the unit of the published one. */
  readonly simulate: (bench: Bench) => number;
  /** The values of runs with different random numbers whose median it is; absent: it is of one run. */
  readonly runs?: (bench: Bench) => readonly number[];
  /** Rows of one group are the systems within one row of the source; their order is compared, too. */
  readonly group?: string;
  /** Why the models cannot reach the figure, for a row that misses. */
  readonly reason?: string;
}

export interface ValidationSet {
  /** First part of the ids: `xen03`. */
  readonly name: string;
  /** The source as people cite it. */
  readonly source: string;
  readonly rows: readonly ValidationRow[];
  /** Times of a machine that has no profile: they count among the free parameters. */
  readonly times?: readonly SourcedNumber[];
}
