import { describe, expect, it } from "vitest";
import { PageUse } from "../../src/guest/guest-pages.ts";
import { bootContents } from "../../src/guest/memory-manager.ts";
import { GuestDiscards } from "../../src/sim/guest-discards.ts";
import { esx } from "../../src/vmm/esx.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { hypercallbacks } from "../../src/vmm/memory/hypercallbacks.ts";
import { linuxSwap } from "../../src/vmm/memory/linux-swap.ts";
import { Worth } from "../../src/vmm/host-memory/discardable-pages.ts";
import { isSwapped, UNBACKED } from "../../src/vmm/host-memory/vm-memory.ts";
import { addGuest, buildHost, checkFrames, SHAPE } from "./fixtures.ts";

function hostWith(swap = hostSwap()) {
  const host = buildHost({ ...esx, memory: [hypercallbacks(), swap] }, 200);
  const guest = addGuest(host, SHAPE, bootContents(SHAPE, host.ids), SHAPE.memoryPages);
  const [vm] = host.memory.vms;
  vm.discardable = new GuestDiscards(guest);
  const forced = host.mechanisms[1];
  return { ...host, guest, vm, forced };
}

describe("with hypercallbacks", () => {
  it.each([
    { name: "random victims", swap: hostSwap() },
    { name: "a Linux host's victims", swap: linuxSwap() },
  ])("and $name, only what the guest needs is swapped out", ({ swap }) => {
    const { guest, vm, forced, memory } = hostWith(swap);
    // In the page cache: a page that differs from the disk, and one that a process maps.
    guest.cache.write(3, 77, false, 0);
    guest.cache.visit(5, 5, 6, false);
    for (let page = 0; page < 6; page++) guest.anonymous.discard(page);
    const uses = Array.from({ length: SHAPE.memoryPages }, (_, ppn) => guest.pages.use(ppn));
    const items = uses.map((_, ppn) => guest.pages.item(ppn));
    const mapped = [...vm.backing].map((mpn) => mpn >= 0);
    while (vm.mapped > 0 && forced.reclaim(vm, 8) > 0);
    const needed = uses.map((use, ppn) => {
      if (use === PageUse.File) return items[ppn] === 3 || items[ppn] === 5;
      return use === PageUse.Kernel || use === PageUse.Anonymous;
    });
    const places = [...vm.backing].map((place) =>
      isSwapped(place) ? "swapped" : place === UNBACKED ? "gone" : "here",
    );
    expect(places).toEqual(needed.map((need, ppn) => (need && mapped[ppn] ? "swapped" : "gone")));
    expect(memory.swapOuts).toBe(needed.filter((need, ppn) => need && mapped[ppn]).length);
    checkFrames(memory);
  });

  it("a page of a file that was dropped is read from the disk again, and the guest knows that it is free", () => {
    const { guest, vm, forced, memory } = hostWith();
    const before = [0, 1, 2].map((page) => guest.cache.read(page));
    const free = guest.pages.freePages;
    while (vm.mapped > 0 && forced.reclaim(vm, 8) > 0);
    expect(guest.pages.freePages).toBe(free + SHAPE.residentFilePages);
    const { misses } = guest.cache;
    expect([0, 1, 2].map((page) => guest.cache.read(page))).toEqual(before);
    expect(guest.cache.misses - misses).toBe(3);
    expect(memory.swapIns).toBe(0);
    checkFrames(memory);
  });

  it("the page that a process faults on stays while its neighbours are read ahead and room is made for them", () => {
    const host = buildHost({ ...esx, memory: [hypercallbacks(), hostSwap()] }, 16);
    const guest = addGuest(host, SHAPE, bootContents(SHAPE, host.ids), SHAPE.memoryPages, "linux-6.1");
    const discards = new GuestDiscards(guest);
    const worthOfKept: number[] = [];
    host.memory.vms[0].discardable = {
      worthOf(ppn) {
        if (guest.pages.kept === ppn) worthOfKept.push(discards.worthOf(ppn));
        return discards.worthOf(ppn);
      },
      drop: (ppn) => discards.drop(ppn),
    };
    const { filePages } = SHAPE;
    for (let visit = 0; visit < 400; visit++) {
      guest.cache.visit((17 * visit) % filePages, 0, filePages, false);
      guest.cache.unmap(0, filePages);
    }
    expect(worthOfKept.length).toBeGreaterThan(10);
    expect(new Set(worthOfKept)).toEqual(new Set([Worth.Needed]));
    checkFrames(host.memory);
  });

  it("each look at a page costs what such a page takes", () => {
    const { guest, vm, memory } = hostWith();
    const price = (ppn: number): number => {
      const before = memory.payer.total;
      memory.discarder?.discard(vm, ppn);
      return memory.payer.total - before;
    };
    const ppnWith = (use: number): number =>
      Array.from({ length: SHAPE.memoryPages }, (_, ppn) => ppn).find((ppn) => guest.pages.use(ppn) === use) ?? -1;
    expect([PageUse.Anonymous, PageUse.File, PageUse.Free].map((use) => price(ppnWith(use)))).toEqual([58, 81, 157]);
  });
});
