/** Exits of a guest to KVM, with KVM's own counters (kvm_stat, Linux 6.1). */
import { cause, event } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";

const EXIT = cause("vmm.exit");
const EXITS = event("exits");
const PF_TAKEN = event("pf_taken");

/** What became of a page-fault exit. */
export const PF_GUEST = event("pf_guest");
export const PF_FIXED = event("pf_fixed");
export const PF_SPURIOUS = event("pf_spurious");
export const PF_EMULATE = event("pf_emulate");

export class KvmExits {
  readonly #meter: Meter;
  readonly #exit: number;

  /** `exit`: what leaving the guest and entering it again takes. */
  constructor(meter: Meter, exit: number) {
    this.#meter = meter;
    this.#exit = exit;
  }

  /** An exit, and what is done about it. */
  exit(why: number, cost: number): void {
    this.#meter.count(EXITS);
    this.#meter.spend(EXIT, this.#exit);
    this.#meter.spend(why, cost);
  }

  /** An exit for a page fault. */
  fault(counter: number, why: number, cost: number): void {
    this.#meter.count(PF_TAKEN);
    this.#meter.count(counter);
    this.exit(why, cost);
  }
}
