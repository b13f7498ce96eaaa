/** A fixed amount of memory per VM, given when it is built (Xen; Barham et al. 2003, section 3.3.4). */
import { sum } from "../../core/sum.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import { definePart } from "../contract.ts";
import type { Allocation, HostContext, StartAnswer, VmRequest } from "../host-contract.ts";

export interface StaticPartitionParameters extends Record<string, number | boolean> {
  balloon: boolean;
  minimumPercent: number;
}

class StaticPartition implements Allocation {
  readonly name = "static-partition";
  readonly populates = true;
  readonly periodUs = 0;
  readonly #parameters: StaticPartitionParameters;
  readonly #context: HostContext;

  constructor(parameters: StaticPartitionParameters, context: HostContext) {
    this.#parameters = parameters;
    this.#context = context;
  }

  /** VMs are built in order; one that does not fit does not start, nor do those after it. */
  admit(requests: readonly VmRequest[], free: number): readonly number[] {
    const least = this.#least;
    let admitted = 0;
    let needed = 0;
    for (const { pages } of requests) {
      needed += Math.ceil(pages * least);
      if (needed > free) break;
      admitted++;
    }
    const started = requests.slice(0, admitted);
    if (admitted < requests.length) {
      this.#context.memory.observer?.decided({
        by: this.name,
        rule: "a VM's least memory is set aside",
        vm: admitted,
        action: "refuse",
        outcome: { refused_vms: requests.length - admitted },
        inputs: { least_percent: 100 * least, needed_mib: needed / PAGES_PER_MIB, free_mib: free / PAGES_PER_MIB },
      });
    }
    return equalSplit(started, free, least);
  }

  /** Nobody else gives anything up: the VM fits into what is free, or does not start. */
  start({ pages }: VmRequest): StartAnswer {
    const { free } = this.#context.memory.frames;
    if (Math.ceil(pages * this.#least) > free) return { kind: "refused", reason: "not enough memory is free" };
    return { kind: "granted", pages: Math.min(pages, free) };
  }

  /** Smallest part of its configured memory that a VM is built with. */
  get #least(): number {
    const canBalloon = this.#context.mechanisms.some((mechanism) => mechanism.kind === "cooperative");
    return this.#parameters.balloon && canBalloon ? this.#parameters.minimumPercent / 100 : 1;
  }

  /** A static partition stays as it is. */
  rebalance(): void {}
}

/** Everybody gets its minimum, the fraction `least`, and the same fraction of what it asks for beyond that. */
export function equalSplit(requests: readonly VmRequest[], available: number, least: number): number[] {
  const minima = requests.map(({ pages }) => Math.ceil(pages * least));
  const given = sum(minima);
  const asked = requests.reduce((sum, { pages }) => sum + pages, 0);
  if (asked <= available) return requests.map(({ pages }) => pages);
  return requests.map(({ pages }, i) => {
    return minima[i] + Math.floor(((pages - minima[i]) * (available - given)) / (asked - given));
  });
}

export const staticPartition = definePart<"allocation", StaticPartitionParameters>({
  slot: "allocation",
  name: "static-partition",
  summary: "Each VM's memory is set aside when it is built; a VM that does not fit does not start.",
  parameters: {
    balloon: {
      summary: "Build all VMs ballooned down to an equal part of the host, if that is not below their minimum",
      default: false,
      source: "Barham et al. 2003, section 3.3.4: a maximum reservation, and a balloon driver below it",
    },
    minimumPercent: {
      summary: "Smallest size a VM is ballooned to, of configured memory",
      default: 25,
      unit: "%",
      min: 1,
      max: 100,
      source: "assumption: the range of 4:1 that XenServer supported between dynamic minimum and static maximum",
    },
  },
  create: (parameters, context) => new StaticPartition(parameters, context),
});
