/** What a guest says of its memory when the host asks it (virtio-balloon statistics; meminfo; pressure stall information). */
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { GuestStatistics } from "../vmm/vm-memory.ts";
import type { Waiter } from "./io-job.ts";

/** Time in which at least one thread waits for memory to be written out or read back (Linux PSI, memory: some). */
export class MemoryStall {
  readonly #now: () => number;
  #waits = 0;
  #since = 0;
  #cycles = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Cycles so far. */
  get cycles(): number {
    return this.#cycles + (this.#waits > 0 ? this.#now() - this.#since : 0);
  }

  /** A waiter for memory: as long as it waits, there is a stall. */
  watch(waiter: Waiter): Waiter {
    return {
      begin: () => {
        if (this.#waits++ === 0) this.#since = this.#now();
        waiter.begin();
      },
      done: (now) => {
        if (--this.#waits === 0) this.#cycles += now - this.#since;
        waiter.done(now);
      },
    };
  }
}

export class ReportedStatistics implements GuestStatistics {
  readonly #memory: GuestMemory;
  readonly #stall: MemoryStall;
  readonly #megahertz: number;

  constructor(memory: GuestMemory, stall: MemoryStall, megahertz: number) {
    this.#memory = memory;
    this.#stall = stall;
    this.#megahertz = megahertz;
  }

  get unused(): number {
    return this.#memory.pages.free.length;
  }

  get available(): number {
    return this.unused + this.#memory.pages.replacement.filePages;
  }

  /** What processes have touched: the model's processes are promised no more than they use. */
  get committed(): number {
    return this.#memory.pages.replacement.anonymousPages + this.#memory.anonymous.swapped;
  }

  get stallUs(): number {
    return this.#stall.cycles / this.#megahertz;
  }
}
