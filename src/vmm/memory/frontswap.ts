/**
 * Transcendent memory for swap (Xen with Linux 3.5 to 5.2; Magenheimer et al. 2009): what a guest would write to its swap device
 * is copied into a machine frame that nobody needs. The pool is persistent: what has been taken is kept until the guest gives it
 * up. It counts against what the VM may have, so that there is room for what its balloon has given up, and no more.
 */
import { copyInto, lengthFor } from "../../core/copy-into.ts";
import { cause } from "../../core/ledger.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { SwapPageKeeper } from "../host-memory/memory-roles.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";

const PUT = cause("vmm.frontswap.put");
const GET = cause("vmm.frontswap.get");
const NONE = -1;

class FrontswapPools implements MemoryMechanism, SwapPageKeeper {
  readonly name = "frontswap";
  readonly kind = "keeping";
  readonly periodUs = 0;
  puts = 0;
  refusedPuts = 0;
  gets = 0;
  flushes = 0;
  readonly #memory: HostMemory;
  readonly #copyCycles: number;
  /** By VM: slot of its swap device -> MPN, or -1. */
  readonly #pools: Int32Array[] = [];

  constructor({ memory, profile }: HostContext) {
    this.#memory = memory;
    this.#copyCycles = primitiveCost(profile, "page.copy");
    memory.frontswap = this;
  }

  work(): void {}

  reclaim(): number {
    return 0;
  }

  put(vm: VmMemory, slot: number, ppn: number): boolean {
    const content = this.#hasRoomFor(vm) ? this.#memory.read(vm, ppn) : NONE;
    // To read a page that the host had swapped out takes a frame.
    if (content === NONE || !this.#hasRoomFor(vm)) {
      this.refusedPuts++;
      return false;
    }
    const { frames, payer } = this.#memory;
    const mpn = frames.takeForVmm();
    frames.content[mpn] = content;
    this.#poolWith(vm, slot)[slot] = mpn;
    vm.frontswapFrames++;
    this.puts++;
    payer.add(PUT, this.#copyCycles);
    return true;
  }

  get(vm: VmMemory, slot: number, ppn: number): void {
    const content = this.#memory.frames.content[this.#pools[vm.index][slot]];
    this.#memory.write(vm, ppn, content);
    this.gets++;
    this.#memory.payer.add(GET, this.#copyCycles);
  }

  flush(vm: VmMemory, slot: number): void {
    const pool = this.#pools[vm.index];
    this.#memory.frames.giveBack(pool[slot]);
    pool[slot] = NONE;
    vm.frontswapFrames--;
    this.flushes++;
  }

  flushAll(vm: VmMemory): void {
    const pool = this.#pools[vm.index] ?? [];
    pool.forEach((mpn, slot) => {
      if (mpn !== NONE) this.flush(vm, slot);
    });
  }

  #hasRoomFor(vm: VmMemory): boolean {
    return vm.belowMaximum > 0 && this.#spare > 0;
  }

  /**
   * Frames that nobody needs. Where none can be taken by force, each page that a VM has may come to need a frame of its own: what
   * is shared is written to, what is kept as a patch is read.
   */
  get #spare(): number {
    const { frames, alarmBelow, wakeBelow, driverDomain, roomMaker, vms } = this.#memory;
    if (roomMaker !== undefined) return frames.free - Math.max(alarmBelow, wakeBelow);
    let promised = driverDomain === undefined ? 0 : driverDomain.vm.pages - driverDomain.vm.ballooned;
    for (const { pages, ballooned, evicted } of vms) if (!evicted) promised += pages - ballooned;
    return frames.free - (promised - frames.private);
  }

  #poolWith(vm: VmMemory, slot: number): Int32Array {
    const pool = (this.#pools[vm.index] ??= new Int32Array(0));
    if (slot < pool.length) return pool;
    const larger = new Int32Array(lengthFor(slot + 1, pool.length)).fill(NONE, pool.length);
    this.#pools[vm.index] = copyInto(pool, larger);
    return larger;
  }
}

export const frontswap = definePart<"memory", Record<string, never>>({
  slot: "memory",
  stage: "guest swap",
  name: "frontswap",
  summary:
    "Keeps pages that guests would write to their swap devices in free machine frames, as far as VMs have ballooned.",
  requiresPart: "balloon driver",
  parameters: {},
  needs: ["page.copy"],
  create: (_, context) => new FrontswapPools(context),
});
