/**
 * What operations on processes and their mappings cost on a VMM: measured at two sizes each, because what they do, they do
 * page by page. Price of an operation = its own entry + pages x the entry per page.
 */
import { Ledger } from "../core/ledger.ts";
import type { GuestKernel } from "../guest/kernel.ts";
import type { Meter } from "../machine/meter.ts";
import { type Cost, costPerPage, costWithout, meanCost, measuredOperation } from "./measured-operation.ts";
import type { MeasuredOperation } from "./measured-operation.ts";

/** Every operation that {@link measureProcesses} measures. */
export const PROCESS_OPERATIONS: readonly string[] = [
  "fork",
  "fork-page", // per page that the parent has mapped
  "fork-protect-page", // per page that becomes write-protected in the parent: those it has written since its last fork
  "exec",
  "exec-unmap-page", // per page that the process has mapped before, in a page table that it has not used
  "exec-unmap-used-page", // the same, in a page table that it has used: the VMM may have to look after that
  "exec-page", // per page of the image, all of them visited
  "exit",
  "exit-page", // per page that the process has mapped, in a page table that it has used
  "copy-on-write-fault", // the page is still somebody else's, too, and is copied
  "reuse-fault", // nobody else has the page any more: it becomes writable as it is
  "file-fault", // the page is in the page cache
  "mmap",
  "munmap",
  "munmap-page", // per page that was mapped in the range, of munmap and of mmap in place of it
  "mprotect",
  "mprotect-page", // per page that is mapped in the range
];

/** Pages of the smaller and of the larger image that is executed. */
const IMAGES = [32, 128] as const;
/** Most pages of the larger mapping; the smaller has a quarter of them. */
const MOST_PAGES = 256;
const LEAST_PAGES = 16;

interface Round {
  readonly fork: Cost;
  readonly exec: Cost;
  readonly exit: Cost;
}

export interface ProcessSetting {
  /** Pages that the current process has mapped, apart from its program. */
  readonly mapped: number;
  /** First page of a range of which nothing is mapped. */
  readonly unused: number;
  /** Pages from the beginning of the file set that are in the page cache. */
  readonly cachedFilePages: number;
}

export function measureProcesses(
  kernel: GuestKernel,
  meter: Meter,
  setting: ProcessSetting,
): Record<string, MeasuredOperation> {
  const costs = new ProcessMeasurement(kernel, meter, setting).run();
  return Object.fromEntries(Object.entries(costs).map(([name, cost]) => [name, measuredOperation(cost)]));
}

class ProcessMeasurement {
  readonly #kernel: GuestKernel;
  readonly #meter: Meter;
  readonly #setting: ProcessSetting;
  /** Pages of the larger mapping: no more than leave room for a copy of each. */
  readonly #pages: number;

  constructor(kernel: GuestKernel, meter: Meter, setting: ProcessSetting) {
    this.#kernel = kernel;
    this.#meter = meter;
    this.#setting = setting;
    this.#pages = Math.max(LEAST_PAGES, Math.min(MOST_PAGES, kernel.frames.free.length >> 2));
  }

  run(): Record<string, Cost> {
    const kernel = this.#kernel;
    const { unused } = this.#setting;
    this.#round(IMAGES[0]);
    const [small, large] = [this.#round(IMAGES[0]), this.#round(IMAGES[1])];
    const mmap = this.#cost(1, () => kernel.map(unused, this.#pages, false));
    const few = this.#pages >> 2;
    this.#write(few);
    const fewUsed = this.#round(IMAGES[0], few);
    this.#write();
    const [written, more] = [this.#round(IMAGES[0]), this.#round(IMAGES[0])];
    const used = this.#round(IMAGES[0], this.#pages);
    const costs = {
      ...this.#processes(small, large, more),
      "fork-protect-page": costPerPage(more.fork, written.fork, this.#pages - few),
      "exec-unmap-used-page": costPerPage(fewUsed.exec, used.exec, this.#pages - few),
      mmap,
      ...this.#copies(),
      ...this.#mappings(),
    };
    return { ...costs, "file-fault": this.#fileFault() };
  }

  /** `more`: with more pages mapped, none of them written since the last fork. */
  #processes(small: Round, large: Round, more: Round): Record<string, Cost> {
    const { mapped } = this.#setting;
    const pages = this.#pages;
    const moreImage = IMAGES[1] - IMAGES[0];
    const forkPage = costPerPage(small.fork, more.fork, pages);
    const execPage = costPerPage(small.exec, large.exec, moreImage);
    const execUnmapPage = costPerPage(small.exec, more.exec, pages);
    const exitPage = costPerPage(small.exit, large.exit, moreImage);
    return {
      fork: costWithout(small.fork, forkPage, mapped),
      "fork-page": forkPage,
      exec: costWithout(costWithout(small.exec, execPage, IMAGES[0]), execUnmapPage, mapped),
      "exec-page": execPage,
      "exec-unmap-page": execUnmapPage,
      exit: costWithout(small.exit, exitPage, IMAGES[0]),
      "exit-page": exitPage,
    };
  }

  /** A child that writes its parent's pages, and the parent that does so afterwards. */
  #copies(): Record<string, Cost> {
    this.#kernel.fork();
    const copied = this.#write();
    this.#kernel.exit();
    return { "copy-on-write-fault": copied, "reuse-fault": this.#write() };
  }

  #mappings(): Record<string, Cost> {
    const kernel = this.#kernel;
    const { unused } = this.#setting;
    const pages = this.#pages;
    const few = pages >> 2;
    const protect = (count: number): Cost => this.#cost(2, (time) => kernel.protect(unused, count, time === 1));
    protect(pages);
    const [protectFew, protectAll] = [protect(few), protect(pages)];
    const protectPage = costPerPage(protectFew, protectAll, pages - few);
    const unmapFew = this.#cost(1, () => kernel.unmap(unused, few));
    const unmapRest = this.#cost(1, () => kernel.unmap(unused + few, pages - few));
    const unmapPage = costPerPage(unmapFew, unmapRest, pages - 2 * few);
    return {
      mprotect: costWithout(protectFew, protectPage, few),
      "mprotect-page": protectPage,
      munmap: costWithout(unmapFew, unmapPage, few),
      "munmap-page": unmapPage,
    };
  }

  #fileFault(): Cost {
    const kernel = this.#kernel;
    const { unused, cachedFilePages } = this.#setting;
    const pages = Math.min(this.#pages, cachedFilePages);
    kernel.map(unused, pages, true);
    const cost = this.#cost(pages, (page) => kernel.touch(unused + page, false, 0));
    kernel.unmap(unused, pages);
    return cost;
  }

  /** Mean cost of writing each of the first pages of the larger mapping. */
  #write(pages = this.#pages): Cost {
    return this.#cost(pages, (page) => this.#kernel.touch(this.#setting.unused + page, true, 0));
  }

  /** `used`: pages of the mapping that the child reads first. */
  #round(image: number, used = 0): Round {
    const kernel = this.#kernel;
    const fork = this.#cost(1, () => kernel.fork());
    this.#cost(used, (page) => kernel.touch(this.#setting.unused + page, false, 0));
    return {
      fork,
      exec: this.#cost(1, () => kernel.exec(image)),
      exit: this.#cost(1, () => kernel.exit()),
    };
  }

  #cost(times: number, action: (time: number) => unknown): Cost {
    const ledger = new Ledger();
    this.#meter.ledger = ledger;
    for (let time = 0; time < times; time++) action(time);
    return meanCost(ledger, times);
  }
}
