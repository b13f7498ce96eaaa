/** Exits of a guest to KVM because of its page tables, with KVM's own counters (kvm_stat, Linux 6.1). */
import { event } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import type { EntryReason, VmmEntry } from "../monitor-contract.ts";

const PF_TAKEN = event("pf_taken");
/** The instruction is decoded by KVM: a write to a table, and with a processor that does not say its length any other, too. */
const INSN_EMULATION = event("insn_emulation");

/**
 * The kernel's half of a new root: three upper entries that the kernel writes through (stacks, direct map, page structures)
 * and two it only reads (text, processor entry area) are linked by a fault each; below them everything is shared.
 */
const KERNEL_LINKS_WRITTEN = 3;
const KERNEL_LINKS_READ = 2;

/** What became of a page-fault exit. */
export const PF_GUEST = event("pf_guest");
export const PF_FIXED = event("pf_fixed");
const PF_SPURIOUS = event("pf_spurious");
export const PF_EMULATE = event("pf_emulate");

export class KvmExits {
  readonly #meter: Meter;
  readonly #entry: VmmEntry;

  constructor(meter: Meter, entry: VmmEntry) {
    this.#meter = meter;
    this.#entry = entry;
  }

  /** An exit for an instruction, and what is done about it. */
  exit(why: number, cost: number): void {
    this.#meter.count(INSN_EMULATION);
    this.#leave("instruction", why, cost);
  }

  /** An exit for a page fault, at a page of user memory or (absent) an address of the kernel's own. */
  fault(counter: number, why: number, cost: number, page?: number): void {
    this.#meter.count(PF_TAKEN);
    this.#meter.count(counter);
    if (counter === PF_EMULATE) this.#meter.count(INSN_EMULATION);
    this.#leave("page-fault", why, cost, page);
  }

  /** The faults of the guest's kernel below a root that is shadowed anew. */
  linkKernel(why: number, cost: number): void {
    for (let link = 0; link < KERNEL_LINKS_WRITTEN; link++) this.fault(PF_FIXED, why, cost);
    for (let link = 0; link < KERNEL_LINKS_READ; link++) this.fault(PF_SPURIOUS, why, cost);
  }

  #leave(reason: EntryReason, why: number, cost: number, page?: number): void {
    this.#entry.enter(reason, page);
    this.#meter.spend(why, cost);
  }
}
