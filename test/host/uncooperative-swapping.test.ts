/**
 * What Amit et al. 2014 (VSwapper, section 3) found wrong with swapping by a host that knows nothing of its guests. None of it
 * is a rule of the model: each follows from what guest and host do, whether the host chooses at random, as ESX does, or by
 * age, as Linux does. The fifth, false page anonymity, is in vmm-text.test.ts; ESX has none of it.
 */
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import { DiskRequestKind } from "../../src/guest/disk-requests.ts";
import { bootContents, type GuestMemory } from "../../src/guest/memory-manager.ts";
import { esx } from "../../src/vmm/esx.ts";
import type { HostMemory } from "../../src/vmm/host-memory/host-memory.ts";
import type { Part } from "../../src/vmm/contract.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { linuxSwap } from "../../src/vmm/memory/linux-swap.ts";
import { Mark } from "../../src/vmm/host-memory/page-marks.ts";
import { addGuest, buildHost, SHAPE } from "./fixtures.ts";

const FILE_PAGES = 1000;
const shape = { ...SHAPE, memoryPages: 1200, kernelPages: 50, anonymousPages: 400, residentAnonymousPages: 0 };

/** A guest on a host with room for all of it, its file cached from end to end. */
function cachedFile(
  part: Part<"memory">,
  cachedPages: number,
): {
  guest: GuestMemory;
  memory: HostMemory;
  swapOut: (pages: number) => number;
} {
  const host = buildHost({ ...esx, memory: [part] }, 2000);
  const files = { filePages: FILE_PAGES, residentFilePages: cachedPages };
  const guest = addGuest(host, { ...shape, ...files }, bootContents({ ...shape, ...files }, host.ids), 0);
  const [vm] = host.memory.vms;
  /** It may find fewer at once than it is asked for. */
  const swapOut = (pages: number): number => {
    let [freed, found] = [0, -1];
    while (freed < pages && found !== 0) {
      found = host.mechanisms[0].reclaim(vm, pages - freed);
      freed += found;
    }
    return freed;
  };
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

/** Requests for the pages of a file that is read from end to end after the host has swapped all of it out. */
function requestsForFile({ guest, memory, swapOut }: ReturnType<typeof cachedFile>): number {
  const [vm] = memory.vms;
  swapOut(vm.mapped - 1);
  memory.requests.clear();
  for (let page = 0; page < FILE_PAGES; page++) guest.cache.read(page);
  const { requests, pages } = requestsOf(memory, DiskRequestKind.SwapRead);
  expect(guest.requests.length).toBe(0);
  expect(pages).toBeGreaterThan(FILE_PAGES - 2);
  return requests / pages;
}

const HOSTS = [
  { name: "at random", part: hostSwap() },
  { name: "by age", part: linuxSwap({ textPages: 0 }) },
];

describe.each(HOSTS)("swapping by the host, $name", ({ part }) => {
  it("writes clean pages of files that are on the guest's disk already (silent swap writes)", () => {
    const { guest, memory, swapOut } = cachedFile(part, 900);
    expect(swapOut(500)).toBe(500);
    expect(requestsOf(memory, DiskRequestKind.SwapWrite).pages).toBe(500);
    // The guest itself would have had nothing to write.
    guest.cache.writeBack(Infinity);
    expect(guest.requests.length).toBe(0);
  });

  it("reads a page back only for the guest's disk to overwrite it (stale swap reads)", () => {
    const { guest, memory, swapOut } = cachedFile(part, 900);
    const [vm] = memory.vms;
    // Fill the guest, so that what it reads from now on takes the place of a page that it drops.
    for (let page = 0; page < 300; page++) guest.anonymous.write(page, 1);
    swapOut(vm.mapped - 1);
    const [{ swapIns }, { misses }] = [memory, guest.cache];
    for (let page = 900; page < FILE_PAGES; page++) guest.cache.read(page);
    expect(guest.cache.misses - misses).toBe(100);
    // Dropping clean pages reads nothing: the only reads are those of old contents that the new ones overwrite, and on Linux
    // those of their neighbours, which nobody has used.
    const ahead = vm.backing.filter((_, ppn) => vm.marks.has(ppn, Mark.ReadAhead)).length;
    expect(memory.swapIns - swapIns).toBe(100 + ahead);
  });

  it("reads a page back only for the guest to clear it (false swap reads)", () => {
    const { guest, memory, swapOut } = cachedFile(part, 900);
    const [vm] = memory.vms;
    for (let page = 0; page < 100; page++) guest.anonymous.write(page, 1);
    for (let page = 0; page < 100; page++) guest.anonymous.discard(page);
    swapOut(vm.mapped - 1);
    const { swapIns } = memory;
    // The pages that were given back last are taken first: each is zeroed, and each is read from the disk for that.
    for (let page = 100; page < 200; page++) guest.anonymous.write(page, 1);
    expect(memory.swapIns - swapIns).toBeGreaterThanOrEqual(99);
  });
});

describe("what was sequential in the guest's file", () => {
  it("is scattered over swap space by random victims (decayed swap sequentiality)", () => {
    // The guest would have read its file in one request. Of a random order, one page in 1000 follows its predecessor.
    expect(requestsForFile(cachedFile(hostSwap(), FILE_PAGES))).toBeGreaterThan(0.98);
  });

  it("is in order there by age as long as it is used in order, and then in no better order than it was used", () => {
    const host = cachedFile(linuxSwap({ textPages: 0 }), FILE_PAGES);
    expect(requestsForFile(host)).toBeLessThan(0.01);
    host.swapOut(host.memory.vms[0].mapped - 1);
    const random = new RandomStream(1, "order");
    const order = Array.from({ length: FILE_PAGES }, (_, page) => ({ page, at: random.below(2 ** 30) }));
    for (const { page } of order.sort((a, b) => a.at - b.at)) host.guest.cache.read(page);
    // A request is for a cluster of eight pages at most, unless the next cluster happens to follow.
    expect(requestsForFile(host)).toBeGreaterThan(1 / 8);
  });
});
