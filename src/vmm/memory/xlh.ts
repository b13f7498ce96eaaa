/**
 * XLH, cross-layer hints (Miller et al. 2013): pages that a guest has just read from its disk or written to it are in its page
 * cache, where equal ones are in other guests. The host sees them go by, and KSM looks at them first. A hint spares a page the
 * wait for a second visit; the number of pages scanned does not grow.
 */
import { definePart } from "../contract.ts";
import type { HostContext } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { DiskWatcher } from "../host-memory/memory-roles.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import type { HintingMechanism } from "./ksm.ts";
import type { ScanHints } from "./ksm-scanner.ts";

export interface XlhParameters extends Record<string, number | boolean> {
  hints: number;
  partPercent: number;
}

/** The latest hints, the newest on top; one too many pushes the oldest out. */
export class HintStack implements ScanHints {
  /** Hints that were pushed out before anybody took them. */
  lost = 0;
  readonly #memory: HostMemory;
  readonly #vms: Int32Array;
  readonly #ppns: Int32Array;
  /** Where the next one goes, and how many there are below it. */
  #top = 0;
  #length = 0;
  #taken = 0;

  constructor(memory: HostMemory, capacity: number) {
    this.#memory = memory;
    this.#vms = new Int32Array(capacity);
    this.#ppns = new Int32Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  get vm(): VmMemory {
    return this.#memory.vms[this.#vms[this.#taken]];
  }

  get ppn(): number {
    return this.#ppns[this.#taken];
  }

  push(vm: VmMemory, ppn: number): void {
    this.#vms[this.#top] = vm.index;
    this.#ppns[this.#top] = ppn;
    this.#top = (this.#top + 1) % this.#vms.length;
    if (this.#length < this.#vms.length) this.#length++;
    else this.lost++;
  }

  take(): boolean {
    if (this.#length === 0) return false;
    this.#top = (this.#top + this.#vms.length - 1) % this.#vms.length;
    this.#taken = this.#top;
    this.#length--;
    return true;
  }
}

class Xlh implements HintingMechanism, DiskWatcher {
  readonly name = "xlh";
  readonly kind = "sharing";
  readonly periodUs = 0;
  readonly hints: HintStack;
  readonly partPercent: number;

  constructor({ hints, partPercent }: XlhParameters, { memory }: HostContext) {
    this.hints = new HintStack(memory, hints);
    this.partPercent = partPercent;
    memory.diskWatcher = this;
  }

  work(): void {}

  reclaim(): number {
    return 0;
  }

  readIn(vm: VmMemory, ppn: number): void {
    this.hints.push(vm, ppn);
  }

  writtenOut(vm: VmMemory, ppn: number): void {
    this.hints.push(vm, ppn);
  }
}

export const xlh = definePart<"memory", XlhParameters>({
  slot: "memory",
  stage: "scan order",
  name: "xlh",
  summary: "Hints for KSM: pages that guests have just read from their disks or written to them are scanned first.",
  requiresPart: "ksm",
  parameters: {
    hints: {
      summary: "Hints kept; the oldest is lost when another comes",
      default: 8192,
      unit: "hints",
      min: 1,
      max: 1048576,
      source: "assumption: the source says that the stack is bounded",
      grade: "A",
    },
    partPercent: {
      summary: "Most of the pages scanned each time that are taken from hints",
      default: 50,
      unit: "%",
      min: 1,
      max: 100,
      source: "assumption: hints and the scan in order take turns",
      grade: "A",
    },
  },
  create: (parameters, context) => new Xlh(parameters, context),
});
