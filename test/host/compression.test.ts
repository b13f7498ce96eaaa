import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ledger } from "../../src/core/ledger.ts";
import { CompressedSizes } from "../../src/machine/compressed-sizes.ts";
import { MachineFrames } from "../../src/machine/frames.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { esx } from "../../src/vmm/esx.ts";
import { compression } from "../../src/vmm/memory/compression.ts";
import { CompressionCache, pagesPerFrame } from "../../src/vmm/memory/compression-cache.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { pageSharing } from "../../src/vmm/memory/page-sharing.ts";
import { isCompressed, isSwapped } from "../../src/vmm/host-memory/vm-memory.ts";
import { buildHost, checkFrames, profile, type TestHost } from "./fixtures.ts";

/** A VM of `pages` pages, each with a content of its own that compresses to so many units of 32 bytes. */
function hostWith(units: readonly number[], memory = [compression({ maxPercent: 25 }), hostSwap()]): TestHost {
  const host = buildHost({ ...esx, memory }, 400);
  const vm = host.memory.addVm(units.length);
  const contents = Uint32Array.from(units, () => host.ids.unique());
  host.ids.compressed.record(contents, Uint8Array.from(units));
  contents.forEach((content, ppn) => host.memory.write(vm, ppn, content));
  return host;
}

describe("the compression cache", () => {
  it("holds four pages of up to 1 KiB in a frame, two of up to 2 KiB, and none above that", () => {
    expect([32, 1024, 1025, 2048, 2049, 4096].map(pagesPerFrame)).toEqual([4, 4, 2, 2, 0, 0]);
    const frames = new MachineFrames(10);
    const cache = new CompressionCache(frames, 5);
    for (let ppn = 0; ppn < 5; ppn++) cache.add(ppn, 100 + ppn, 4);
    expect([cache.frames, frames.overhead, frames.free]).toEqual([2, 2, 8]);
    for (let ppn = 5; ppn < 8; ppn++) cache.add(ppn, 100 + ppn, 2);
    expect([cache.frames, cache.length, cache.oldestPage]).toEqual([4, 8, 0]);
  });

  it("gives back what was put in, oldest first, and every frame when it is empty", () => {
    const step = fc.record({ put: fc.boolean(), small: fc.boolean(), which: fc.nat(100) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const frames = new MachineFrames(64);
        const cache = new CompressionCache(frames, 6);
        let kept: { place: number; ppn: number; pages: number }[] = [];
        steps.forEach(({ put, small, which }, i) => {
          const pages = small ? 4 : 2;
          if (put && cache.hasRoom(pages)) kept.push({ place: cache.add(i, 1000 + i, pages), ppn: i, pages });
          const taken = kept[which % Math.max(1, kept.length)];
          if (!put && taken !== undefined) {
            expect(cache.take(taken.place)).toBe(1000 + taken.ppn);
            kept = kept.filter((one) => one !== taken);
          }
          expect([cache.length, cache.oldestPage]).toEqual([kept.length, kept[0]?.ppn ?? -1]);
          expect(new Set(kept.map(({ place }) => place)).size).toBe(kept.length);
          // No frame is divided in two ways, and none is kept without need for it.
          const byFrame = new Map(kept.map(({ place, pages }) => [Math.floor(place / 4), pages]));
          expect(kept.every(({ place, pages }) => byFrame.get(Math.floor(place / 4)) === pages)).toBe(true);
          expect([cache.frames, frames.overhead, frames.free]).toEqual([byFrame.size, byFrame.size, 64 - byFrame.size]);
        });
      }),
      { seed: 42 },
    );
  });
});

describe("compressing", () => {
  it("gives up what it has kept when the VM has nothing else: a host can be smaller than the cache", () => {
    const host = hostWith(Array<number>(16).fill(10), [compression({ maxPercent: 100 }), hostSwap()]);
    const { memory } = host;
    const [vm] = memory.vms;
    const swapSpace = host.mechanisms[1];
    // The frames of its pages come first, then the four that hold 16 compressed ones.
    while (vm.mapped > 0) swapSpace.reclaim(vm, 1);
    expect([vm.mapped, vm.compressed, vm.cacheFrames]).toEqual([0, 16, 4]);
    for (let left = 3; left >= 0; left--) {
      expect(swapSpace.reclaim(vm, 1)).toBe(1);
      expect([vm.compressed, vm.swapped, vm.cacheFrames]).toEqual([4 * left, 16 - 4 * left, left]);
    }
    expect(swapSpace.reclaim(vm, 1)).toBe(0);
    expect(memory.frames.free).toBe(400);
    checkFrames(memory);
  });

  it("comes before swapping for what shrinks to a half, and after sharing", () => {
    // Sizes of 1, 2 and 3 KiB, and two pages of equal content.
    const host = hostWith(
      [32, 64, 96, 10, 10, ...Array<number>(15).fill(128)],
      [pageSharing(), compression({ maxPercent: 25 }), hostSwap()],
    );
    const { memory } = host;
    const [vm] = memory.vms;
    const swapSpace = host.mechanisms[2];
    memory.write(vm, 4, memory.read(vm, 3));
    memory.sharer?.share(vm, 3);
    swapSpace.reclaim(vm, 20);
    const places = [0, 1, 2].map((ppn) =>
      isCompressed(vm.backing[ppn]) ? "compressed" : isSwapped(vm.backing[ppn]) ? "swapped" : "mapped",
    );
    expect(places).toEqual(["compressed", "compressed", "swapped"]);
    expect(vm.backing[3]).toBe(vm.backing[4]);
    expect(vm.backing[3]).toBeGreaterThanOrEqual(0);
  });

  it("costs what was measured, also when it was in vain, and no disk request", () => {
    const { memory } = hostWith([32, 128, ...Array<number>(6).fill(128)]);
    const [vm] = memory.vms;
    const charges = (act: () => void): Record<string, number> => {
      memory.payer.settle(new Ledger());
      act();
      const ledger = new Ledger();
      memory.payer.settle(ledger);
      return ledger.cyclesByCause();
    };
    const [compress, decompress, map] = ["page.compress", "page.decompress", "page.map"].map((name) =>
      primitiveCost(profile, name),
    );
    expect(charges(() => memory.compressor?.compress(vm, 0))).toEqual({ "vmm.compression.compress": compress + map });
    expect(charges(() => memory.compressor?.compress(vm, 1))).toEqual({ "vmm.compression.compress": compress });
    expect(charges(() => memory.read(vm, 0))).toEqual({ "vmm.compression.decompress": decompress + map });
    expect(memory.requests.length).toBe(0);
  });

  it("swaps the oldest page out when the cache is full", () => {
    // Ten frames of forty pages: twenty pages of 2 KiB fit.
    const { memory, mechanisms } = hostWith(Array<number>(40).fill(64));
    const [vm] = memory.vms;
    const order: number[] = [];
    for (let ppn = 39; ppn >= 0; ppn--) {
      memory.compressor?.compress(vm, ppn);
      order.push(ppn);
    }
    expect([vm.compressed, vm.swapped, memory.frames.overhead]).toEqual([20, 20, 10]);
    expect(order.slice(0, 20).every((ppn) => isSwapped(vm.backing[ppn]))).toBe(true);
    expect(mechanisms[0].reclaim(vm, 5)).toBe(0);
  });

  it("swaps nothing out where there is no room in swap space: the page stays", () => {
    const host = hostWith(Array<number>(40).fill(64), [compression({ maxPercent: 25 }), hostSwap({ spacePercent: 1 })]);
    const { memory } = host;
    const [vm] = memory.vms;
    host.mechanisms[1].reclaim(vm, 40);
    // 1 % of 400 frames.
    expect([vm.compressed, vm.swapped, vm.mapped]).toEqual([20, 4, 16]);
  });
});

function shareUpTo(sizes: readonly number[], bytes: number): number {
  return sizes.filter((size) => size <= bytes).length / sizes.length;
}

describe("sizes of compressed pages", () => {
  const guests = [
    "d12-gcc",
    "d12-idle-a",
    "d12-idle-b",
    "d12-nginx-a",
    "d12-nginx-b",
    "d12-postgres-a",
    "d12-python",
    "d12-redis",
    "d13-idle",
  ];
  const measured = guests.map((guest) => gunzipSync(readFileSync(`workloads/data/${guest}.t3.csize.gz`)));

  it("of contents that nobody measured are distributed as those of real guests", () => {
    const real = measured.flatMap((units) =>
      [...units].filter((size) => size > 0).map((size) => Math.min(4096, 32 * size)),
    );
    const sizes = new CompressedSizes();
    const simulated = Array.from({ length: 50_000 }, (_, i) => sizes.bytes(i + 1));
    for (const bytes of [256, 512, 1024, 2048, 3072, 4095]) {
      expect(Math.abs(shareUpTo(simulated, bytes) - shareUpTo(real, bytes))).toBeLessThan(0.02);
    }
  });

  it("are the measured ones where there are some", () => {
    const sizes = new CompressedSizes();
    sizes.record(Uint32Array.of(5, 9, 0), Uint8Array.of(17, 255, 0));
    expect([sizes.bytes(5), sizes.bytes(9), sizes.bytes(0)]).toEqual([544, 4096, 32]);
  });
});
