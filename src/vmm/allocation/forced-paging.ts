/** Memory taken from a VM by force, and what is told of it. */
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { Figures } from "../host-memory/memory-decision.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { BrokenContract, showAnswer } from "./wrong-answer.ts";

/** Who takes it and by which rule; `inputs`: what the rule looked at besides the VM's machine memory and target. */
export interface ForcedPaging {
  readonly by: string;
  readonly rule: string;
  readonly inputs: (vm: VmMemory) => Figures;
}

/** Frames of a VM's that a mechanism has freed; one from outside the package may answer with what is no number. */
export function reclaimed(mechanism: MemoryMechanism, vm: VmMemory, pages: number): number {
  const freed: unknown = mechanism.reclaim(vm, pages);
  // Fewer than none, where a guest needed some meanwhile.
  if (typeof freed === "number" && Number.isFinite(freed)) return freed;
  throw new BrokenContract(
    `memory ${mechanism.name}: reclaim returns ${showAnswer(freed)}; expected the number of frames that it has freed`,
  );
}

/** Let a forced mechanism free up to `pages` frames of a VM's. Returns how many it was. */
export function takeByForce(
  memory: HostMemory,
  mechanism: MemoryMechanism,
  vm: VmMemory,
  pages: number,
  why: ForcedPaging,
): number {
  if (memory.observer === undefined) return reclaimed(mechanism, vm, pages);
  const inputs = {
    free_mib: memory.frames.free / PAGES_PER_MIB,
    machine_mib: vm.machine / PAGES_PER_MIB,
    target_mib: vm.target / PAGES_PER_MIB,
    ...why.inputs(vm),
  };
  const { by, rule } = why;
  const taking = new PagesTaken(memory, vm);
  const freed = reclaimed(mechanism, vm, pages);
  const outcome = { mechanism: mechanism.name, asked_pages: pages, freed_pages: freed, ...taking.figures };
  memory.observer.decided({ by, rule, vm: vm.number, action: "page out", outcome, inputs });
  return freed;
}

/** Where pages of a VM go from now on. */
export class PagesTaken {
  readonly #memory: HostMemory;
  readonly #vm: VmMemory;
  readonly #swapOuts: number;
  readonly #compressed: number;
  readonly #saved: number;

  constructor(memory: HostMemory, vm: VmMemory) {
    this.#memory = memory;
    this.#vm = vm;
    this.#swapOuts = memory.swapOuts;
    this.#compressed = vm.compressed;
    this.#saved = memory.frames.saved;
  }

  /** A page that leaves a full compression cache counts as swapped out. */
  get figures(): Figures {
    return {
      shared_pages: this.#memory.frames.saved - this.#saved,
      compressed_pages: this.#vm.compressed - this.#compressed,
      swapped_out_pages: this.#memory.swapOuts - this.#swapOuts,
    };
  }
}
