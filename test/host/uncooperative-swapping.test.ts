/**
 * What Amit et al. 2014 (VSwapper, section 3) found wrong with swapping by a host that knows nothing of its guests. None of it
 * is a rule of the model: each follows from what guest and host do. The fifth, false page anonymity, needs a VMM that is a
 * process with pages of its own; ESX has none.
 */
import { describe, expect, it } from "vitest";
import { DiskRequestKind } from "../../src/guest/disk-requests.ts";
import { bootContents, type GuestMemory } from "../../src/guest/memory-manager.ts";
import { esx } from "../../src/vmm/esx.ts";
import type { HostMemory } from "../../src/vmm/host-memory.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { addGuest, buildHost, SHAPE } from "./fixtures.ts";

const FILE_PAGES = 1000;
const shape = { ...SHAPE, memoryPages: 1200, kernelPages: 50, anonymousPages: 400, residentAnonymousPages: 0 };

/** A guest on a host with room for all of it, its file cached from end to end. */
function cachedFile(cachedPages: number): {
  guest: GuestMemory;
  memory: HostMemory;
  swapOut: (pages: number) => number;
} {
  const host = buildHost({ ...esx, memory: [hostSwap()] }, 2000);
  const files = { filePages: FILE_PAGES, residentFilePages: cachedPages };
  const guest = addGuest(host, { ...shape, ...files }, bootContents({ ...shape, ...files }, host.ids), 0);
  const [vm] = host.memory.vms;
  const swapOut = (pages: number): number => host.mechanisms[0].reclaim(vm, pages);
  host.memory.requests.clear();
  guest.requests.clear();
  return { guest, memory: host.memory, swapOut };
}

function requestsOf({ requests }: HostMemory, kind: number): { requests: number; pages: number } {
  let [count, pages] = [0, 0];
  for (let i = 0; i < requests.length; i++) {
    if (requests.kind(i) !== kind) continue;
    count++;
    pages += requests.pages(i);
  }
  return { requests: count, pages };
}

describe("swapping by the host", () => {
  it("writes clean pages of files that are on the guest's disk already (silent swap writes)", () => {
    const { guest, memory, swapOut } = cachedFile(900);
    expect(swapOut(500)).toBe(500);
    expect(requestsOf(memory, DiskRequestKind.SwapWrite).pages).toBe(500);
    // The guest itself would have had nothing to write.
    guest.cache.writeBack(Infinity);
    expect(guest.requests.length).toBe(0);
  });

  it("reads a page back only for the guest's disk to overwrite it (stale swap reads)", () => {
    const { guest, memory, swapOut } = cachedFile(900);
    const [vm] = memory.vms;
    // Fill the guest, so that what it reads from now on takes the place of a page that it drops.
    for (let page = 0; page < 300; page++) guest.anonymous.write(page, 1);
    swapOut(vm.mapped - 1);
    const [{ swapIns }, { misses }] = [memory, guest.cache];
    for (let page = 900; page < FILE_PAGES; page++) guest.cache.read(page);
    expect(guest.cache.misses - misses).toBe(100);
    // Dropping clean pages reads nothing: the only reads are those of old contents that the new ones overwrite.
    expect(memory.swapIns - swapIns).toBe(100);
  });

  it("reads a page back only for the guest to clear it (false swap reads)", () => {
    const { guest, memory, swapOut } = cachedFile(900);
    const [vm] = memory.vms;
    for (let page = 0; page < 100; page++) guest.anonymous.write(page, 1);
    for (let page = 0; page < 100; page++) guest.anonymous.discard(page);
    swapOut(vm.mapped - 1);
    const { swapIns } = memory;
    // The pages that were given back last are taken first: each is zeroed, and each is read from the disk for that.
    for (let page = 100; page < 200; page++) guest.anonymous.write(page, 1);
    expect(memory.swapIns - swapIns).toBeGreaterThanOrEqual(99);
  });

  it("scatters what was sequential over its swap space (decayed swap sequentiality)", () => {
    const { guest, memory, swapOut } = cachedFile(FILE_PAGES);
    const [vm] = memory.vms;
    swapOut(vm.mapped - 1);
    memory.requests.clear();
    for (let page = 0; page < FILE_PAGES; page++) guest.cache.read(page);
    const { requests, pages } = requestsOf(memory, DiskRequestKind.SwapRead);
    expect(guest.requests.length).toBe(0);
    expect(pages).toBeGreaterThan(FILE_PAGES - 2);
    // The guest would have read its file in one request. Of a random order, one page in 1000 follows its predecessor.
    expect(requests).toBeGreaterThan(0.98 * pages);
  });
});
