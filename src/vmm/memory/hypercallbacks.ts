/**
 * Hypercallbacks (Amit, Wei and Tu 2017): before the host swaps a page out, it runs a short verified program of the guest's that
 * says whether the guest needs the page. One that is free, or a clean page of a file that nobody maps, is dropped: nothing is
 * written, and the guest reads the file again when it wants it. What such a program takes is the source's, in cycles.
 */
import { cause } from "../../core/ledger.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { PageDiscarder } from "../host-memory/memory-roles.ts";
import { Worth } from "../host-memory/discardable-pages.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";

const CALLBACK = cause("vmm.hypercallback");

export interface HypercallbackParameters extends Record<string, number | boolean> {
  neededCycles: number;
  cachedCycles: number;
  freeCycles: number;
}

class Hypercallbacks implements MemoryMechanism, PageDiscarder {
  readonly name = "hypercallbacks";
  readonly kind = "reporting";
  readonly periodUs = 0;
  readonly #memory: HostMemory;
  readonly #parameters: HypercallbackParameters;

  constructor(parameters: HypercallbackParameters, { memory }: HostContext) {
    this.#memory = memory;
    this.#parameters = parameters;
    memory.discarder = this;
  }

  work(): void {}

  reclaim(): number {
    return 0;
  }

  discard(vm: VmMemory, ppn: number): boolean {
    const worth = vm.discardable?.worthOf(ppn) ?? Worth.Needed;
    this.#memory.payer.add(CALLBACK, this.#price(worth));
    if (worth === Worth.Needed) return false;
    if (worth === Worth.Cached) vm.discardable?.drop(ppn);
    this.#memory.discard(vm, ppn);
    return true;
  }

  #price(worth: Worth): number {
    const { neededCycles, cachedCycles, freeCycles } = this.#parameters;
    if (worth === Worth.Needed) return neededCycles;
    return worth === Worth.Cached ? cachedCycles : freeCycles;
  }
}

export const hypercallbacks = definePart<"memory", HypercallbackParameters>({
  slot: "memory",
  stage: "free pages",
  name: "hypercallbacks",
  summary:
    "Code of the guest's says whether it needs a page that is to be swapped out; free and cached pages are dropped.",
  requiresPart: "host-swap",
  parameters: {
    neededCycles: cycles("a page that the guest needs", 58),
    cachedCycles: cycles("a page of its page cache that no process maps", 81),
    freeCycles: cycles("a page that is free", 157),
  },
  create: (parameters, context) => new Hypercallbacks(parameters, context),
});

function cycles(what: string, value: number) {
  return {
    summary: `Time of the guest's code for ${what}`,
    default: value,
    unit: "cycles",
    min: 0,
    source: "Amit et al. 2017",
    grade: "P",
  } as const;
}
