/**
 * Satori (Milos et al. 2009), sharing-aware block devices of Xen: dom0's disk driver sees which block it reads for whom. When
 * another guest has the same block in memory, unchanged, both get one frame, copied on write; nothing is scanned, hashed or
 * compared. A guest page that a block has been read into is typed read-only, so that the hypervisor can tell when it has changed.
 *
 * A block is known by its content here: blocks of one image are equal, and so are others that the driver's content-addressed
 * storage finds to be. What guests get for what they share (entitlements, and the pages that they offer to be taken when
 * sharing breaks) is not modelled: freed frames are the host's.
 */
import { cause } from "../../core/ledger.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { DiskWatcher, PageSharer } from "../host-memory/memory-roles.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { EqualFrames } from "./equal-frames.ts";

const SHARE = cause("vmm.page-sharing.share");

class Satori implements MemoryMechanism, PageSharer, DiskWatcher {
  readonly name = "satori";
  readonly kind = "sharing";
  readonly periodUs = 0;
  /** It does not look at what guests have in memory: only at what they read from now on. */
  readonly scannedBeforeStart = false;
  readonly sharesOnDemand = false;
  readonly copiesForLast = false;
  readonly #memory: HostMemory;
  /** Blocks in memory: where each was read to last, or the frame that its readers share. */
  readonly #blocks: EqualFrames;
  readonly #map: number;

  constructor({ memory, profile }: HostContext) {
    this.#memory = memory;
    this.#blocks = new EqualFrames(memory);
    this.#map = primitiveCost(profile, "page.map");
    memory.sharer = this;
    memory.diskWatcher = this;
  }

  work(): void {}

  reclaim(): number {
    return 0;
  }

  readIn(vm: VmMemory, ppn: number): void {
    this.share(vm, ppn);
  }

  writtenOut(): void {}

  /** The page becomes read-only; merged, it is mapped to another frame besides. */
  share(vm: VmMemory, ppn: number): boolean {
    if (!this.#blocks.isPrivate(vm, ppn)) return false;
    const merged = this.#blocks.merge(vm, ppn);
    this.#memory.payer.add(SHARE, merged ? 2 * this.#map : this.#map);
    return merged;
  }

  forget(vm: VmMemory, ppn: number): void {
    this.#blocks.forget(vm, ppn);
  }
}

export const satori = definePart<"memory", Record<string, never>>({
  slot: "memory",
  stage: "sharing",
  name: "satori",
  summary: "Satori: a block that two guests read from their disks is one frame from the moment it is read.",
  role: "page sharing",
  parameters: {},
  needs: ["page.map", "page.cow-break"],
  create: (_, context) => new Satori(context),
});
