/** What a guest says of its memory when the host asks it (virtio-balloon statistics; meminfo; pressure stall information). */
import type { GuestMemory } from "../guest/memory-manager.ts";
import type { GuestFigures, GuestStatistics, MemoryPressure } from "../vmm/host-memory/vm-memory.ts";
import type { Waiter } from "./io-job.ts";

/** Time in which at least one thread waits for memory to be written out or read back (Linux PSI, memory: some). */
export class MemoryStall implements MemoryPressure {
  readonly #now: () => number;
  readonly #megahertz: number;
  #waits = 0;
  #since = 0;
  #cycles = 0;

  /** `now` in cycles. */
  constructor(now: () => number, megahertz: number) {
    this.#now = now;
    this.#megahertz = megahertz;
  }

  /** Cycles so far. */
  get cycles(): number {
    return this.#cycles + (this.#waits > 0 ? this.#now() - this.#since : 0);
  }

  get stallUs(): number {
    return this.cycles / this.#megahertz;
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

/** A guest that tells at once what is true. */
export class TrueStatistics implements GuestStatistics {
  readonly #memory: GuestMemory;

  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  report(nowUs: number): GuestFigures {
    const { pages, anonymous } = this.#memory;
    const unused = pages.free.length;
    return {
      atUs: nowUs,
      unused,
      available: unused + pages.replacement.filePages,
      // What processes have touched: the model's processes are promised no more than they use.
      committed: pages.replacement.anonymousPages + anonymous.swap.used,
      reserved: pages.marks.high,
      ...(anonymous.swap.frontswap && { frontswap: anonymous.swap.frontswap.pages }),
    };
  }
}
