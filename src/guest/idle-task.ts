/** What runs when no process can: a process sleeps, the processor waits for an interrupt, and the process goes on. */
import { AddressSpace } from "./address-space.ts";
import type { KernelContext } from "./kernel-context.ts";
import type { Processes } from "./processes.ts";

/** Number of its address space: those of processes are counted from 0. */
const IDLE = -1;

export class IdleTask {
  readonly #processes: Processes;
  readonly #running: () => AddressSpace;
  /** It has the kernel alone; absent: the idle task runs in that of the process that sleeps. */
  readonly #space: AddressSpace | undefined;

  /** `running`: the address space of the process that runs. */
  constructor(context: KernelContext, processes: Processes, running: () => AddressSpace) {
    this.#processes = processes;
    this.#running = running;
    if (!context.version.idlesInOwnSpace) return;
    this.#space = new AddressSpace(context, IDLE);
    context.machine.mmu.commit();
    context.machine.mmu.activate(this.#space.root);
  }

  /** The process that runs falls asleep. */
  begin(): void {
    this.#switchTo(this.#space);
  }

  /** It has been woken up. */
  end(): void {
    this.#switchTo(this.#running());
  }

  #switchTo(space: AddressSpace | undefined): void {
    if (this.#space === undefined || space === undefined) this.#processes.switchWithin();
    else this.#processes.switchTo(space);
  }
}
