/** A virtual CPU: what it owes and has run, and what it runs. */
import { PendingCharges } from "../core/pending-charges.ts";
import type { HeldBack } from "./held-back.ts";

/** What runs on a vCPU. */
export interface VcpuWork {
  /** All cycles owed have been run: carry out their consequences and incur more. False: nothing to do until woken. */
  advance(now: number): boolean;
  /**
   * Pages that a VM uses over and over, which a pCPU that it is put on has to fetch again. Absent: not a VM of its own, or
   * one whose switches are in the price of its work.
   */
  readonly workingPages?: number;
  /** The vCPU has run up to its {@link Vcpu.milestone}. */
  passed?(now: number): void;
  /** A vCPU that spins has a pCPU: whether it gets what it spins for. */
  endsSpinning?(): boolean;
  /** Counts time for which it is ready and others run in its place. Absent: nobody asks. */
  readonly heldBack?: HeldBack;
}

export class Vcpu {
  readonly index: number;
  readonly work: VcpuWork;
  readonly pending = new PendingCharges();
  /** Cycles of `pending` that have been run. */
  executed = 0;
  /** When it has run so much of `pending`, its work is told; Infinity: never. */
  milestone = Infinity;
  /** It waits for another vCPU without giving its pCPU up. */
  spinning = false;
  /** Cycles that it has run in all. */
  cyclesRun = 0;
  asleep = true;
  /** Where it ran last. */
  cpu = 0;
  /** The only pCPU that it may run on; undefined: any. */
  readonly pinnedTo: number | undefined;

  constructor(index: number, work: VcpuWork, pinnedTo?: number) {
    this.index = index;
    this.work = work;
    this.pinnedTo = pinnedTo;
  }

  get owed(): number {
    return this.pending.total - this.executed;
  }
}
