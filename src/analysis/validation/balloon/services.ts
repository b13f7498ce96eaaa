/** The services of the guest of the balloon measurement: what they hold before the job, and what they do during it. */
import type { GuestMemory } from "../../../guest/memory-manager.ts";
import { PageUse } from "../../../guest/guest-pages.ts";
import {
  ANONYMOUS_PAGES,
  groupsOf,
  type MeasuredGuest,
  SHORT_AT,
  STARTING_AT,
  STARTING_KERNEL_PAGES,
  UDEV,
  UDEV_PROGRAM,
} from "./measured-guest.ts";

/** A step through all of them that jumps: it has no divisor in common with their number. */
const SCATTER = 323;
/** Of so many pages of the workers' own, and of so many of the daemon's, these are used when the workers end (docs/balloon-job). */
const WORKERS = { own: 855, used: 664 };
const DAEMON = { own: 326, used: 62 };

/**
 * They sleep: in a traced run nobody but the job and udev had a page swapped in or read (docs/balloon-job). Workers of udev that have had nothing
 * to do for some seconds end, and for that use what they have.
 */
export class Services {
  /** Where the files of each group begin; the last: where they all end. */
  readonly filesAt: readonly number[];
  readonly #memory: GuestMemory;
  readonly #guest: MeasuredGuest;
  readonly #workersKernel: readonly number[];
  #workersAreThere: boolean;

  /** Takes what the kernel has for them; `workers`: those of udev are there, too. */
  constructor(memory: GuestMemory, guest: MeasuredGuest, workers: boolean) {
    this.#memory = memory;
    this.#guest = guest;
    this.#workersAreThere = workers;
    const kernelPages = workers ? STARTING_KERNEL_PAGES : 0;
    this.#workersKernel = Array.from({ length: kernelPages }, () => memory.pages.allocate(PageUse.Kernel, 0));
    const filesAt = [0];
    for (const { inactiveFiles, activeFiles } of groupsInOrder(guest)) {
      filesAt.push(filesAt[filesAt.length - 1] + inactiveFiles + activeFiles);
    }
    this.filesAt = filesAt;
  }

  /** All that is there before the job. Where memory is short, it is reclaimed already now. */
  start(): void {
    const { anonymous, pages } = this.#memory;
    for (const [order, group] of groupsInOrder(this.#guest).entries()) {
      pages.group = groupAt(order);
      if (this.#workersAreThere && pages.group === UDEV) this.#startWorkers();
      const first = pages.group === 0 ? SHORT_AT : pages.group * ANONYMOUS_PAGES;
      for (let page = 0; page < group.anonymous; page++) anonymous.write(first + page, 1);
      pages.runKswapd();
      this.#mapFiles(order, group.activeFiles);
      pages.runKswapd();
    }
    pages.group = 0;
  }

  /** They are copies of the daemon, and have pages of their own as they write; so both lie among each other, as the swap shows. */
  #startWorkers(): void {
    const { anonymous } = this.#memory;
    const { startingPages } = this.#guest;
    const daemonPages = groupsOf(this.#guest)[UDEV].anonymous;
    for (let page = 0, daemon = 0; page < startingPages; page++) {
      anonymous.write(STARTING_AT + page, 1);
      while (daemon * startingPages < page * daemonPages) anonymous.write(UDEV * ANONYMOUS_PAGES + daemon++, 1);
    }
  }

  /** Workers of udev end when their time has come. */
  pass(now: number): void {
    if (!this.#workersAreThere || now < this.#guest.startingEndsAt) return;
    this.#workersAreThere = false;
    const { anonymous, pages } = this.#memory;
    const { startingPages } = this.#guest;
    this.#useProgram();
    for (let i = 0; i < startingPages; i++) {
      const page = (i * SCATTER) % startingPages;
      if (isUsed(page, WORKERS)) anonymous.read(STARTING_AT + page);
    }
    const daemonPages = groupsOf(this.#guest)[UDEV].anonymous;
    for (let page = 0; page < daemonPages; page++) {
      if (isUsed(page, DAEMON)) anonymous.read(UDEV * ANONYMOUS_PAGES + page);
    }
    anonymous.discardRange(STARTING_AT, startingPages);
    for (const ppn of this.#workersKernel) pages.release(ppn);
  }

  #useProgram(): void {
    const order = UDEV_PROGRAM;
    const [from, to] = [this.filesAt[order], this.filesAt[order + 1]];
    for (let page = from; page < to; page++) this.#memory.cache.visit(page, from, to, true);
  }

  /** Files of a group, of which some are active: two processes have mapped them that have ended. */
  #mapFiles(order: number, active: number): void {
    const { cache } = this.#memory;
    const [from, to] = [this.filesAt[order], this.filesAt[order + 1]];
    for (let process = 0; process < 2; process++) {
      for (let page = from; page < from + active; page++) cache.visit(page, from, to, page % 2 === 0);
      cache.unmap(from, from + active);
    }
    for (let page = from; page < to; page++) cache.visit(page, from, to, page % 2 === 0);
  }
}

/** Those that are used are spread evenly. */
function isUsed(page: number, { own, used }: { readonly own: number; readonly used: number }): boolean {
  return (page * used) % own < used;
}

/** The root's come first: the C library, which the compiler maps, too. */
function groupsInOrder(guest: MeasuredGuest) {
  const [job, root, ...others] = groupsOf(guest);
  return [root, job, ...others];
}

function groupAt(order: number): number {
  if (order === 0) return 1;
  return order === 1 ? 0 : order;
}
