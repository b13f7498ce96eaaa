import { describe, expect, it } from "vitest";
import type { GuestMemory } from "../../src/guest/memory-manager.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { freePageReporting } from "../../src/vmm/memory/free-page-reporting.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { addGuest, buildHost, SHAPE, type TestHost } from "../host/fixtures.ts";

const BLOCK = 512;
const BATCH = 32;

/** A guest of `blocks` blocks, all of them backed, whose kernel, anonymous memory and cache fill the first `used` ones. */
function guestOf(blocks: number, used: number, parameters = {}): { host: TestHost; guest: GuestMemory } {
  const shape = { ...SHAPE, memoryPages: blocks * BLOCK, kernelPages: used * BLOCK - 30 };
  const part = freePageReporting(parameters);
  const host = buildHost({ ...kvm, memory: [part, ballooning()], allocation: staticPartition() }, blocks * BLOCK);
  const guest = addGuest(host, shape, new Uint32Array(blocks * BLOCK).fill(7), blocks * BLOCK);
  host.memory.vms[0].freeList = guest.pages;
  return { host, guest };
}

/** Blocks freed in each of `passes` passes. */
function freed({ host }: { readonly host: TestHost }, passes: number): number[] {
  return Array.from({ length: passes }, () => {
    const before = host.memory.frames.free;
    host.mechanisms[0].work();
    return (host.memory.frames.free - before) / BLOCK;
  });
}

describe("free page reporting", () => {
  it("gives the host every free block, a sixteenth in batches of 32 and a batch more in each pass, and is then idle", () => {
    const of = guestOf(100, 30);
    expect(freed(of, 3)).toEqual([64, 6, 0]);
    expect(of.host.memory.vms[0].mapped).toBe(30 * BLOCK);
    // A sixteenth of 100 is 6.25: two batches of 4, and another.
    expect(freed(guestOf(130, 30, { batchBlocks: 4 }), 3)).toEqual([12, 12, 12]);
  });

  it("reports no block of which a page is in use, unless blocks are smaller", () => {
    const of = guestOf(100, 30);
    const odd = 50 * BLOCK + 3;
    of.guest.anonymous.adopt(40, odd);
    expect(freed(of, 3)).toEqual([64, 5, 0]);
    expect(of.host.memory.vms[0].backing[odd]).toBeGreaterThanOrEqual(0);
  });

  it("stops short of the low watermark and a batch", () => {
    const low = guestOf(100, 30).guest.pages.lowWatermark;
    expect(low).toBeGreaterThan(0);
    const enough = 100 - BATCH - Math.ceil(low / BLOCK);
    expect(freed(guestOf(100, enough), 1)).toEqual([100 - enough]);
    expect(freed(guestOf(100, enough + 1), 1)).toEqual([0]);
  });

  it("lets the guest use a block again, which takes frames again", () => {
    const of = guestOf(100, 30);
    freed(of, 4);
    const { free } = of.host.memory.frames;
    for (let page = 20; page < 60; page++) expect(of.guest.anonymous.write(page, 9)).toBe(true);
    expect(of.host.memory.frames.free).toBe(free - 40);
    expect(of.guest.anonymous.read(25)).toBe(9);
  });

  it("keeps no frame and no place in the host's swap space of what is free", () => {
    const of = guestOf(100, 30);
    const [vm] = of.host.memory.vms;
    of.host.memory.swapOut(vm, 60 * BLOCK);
    expect(vm.swapped).toBe(1);
    freed(of, 3);
    expect([vm.swapped, vm.mapped]).toEqual([0, 30 * BLOCK]);
  });
});
