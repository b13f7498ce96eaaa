import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KsmSettings } from "../../src/vmm/memory/ksm-scanner.ts";
import { checkFrames } from "./fixtures.ts";
import { fullScan, kernelCounters, type KsmHost, ksmHost } from "./ksm-host.ts";
import { NaiveKsm } from "./naive-ksm.ts";

const pages = (...contents: number[]): Uint32Array => Uint32Array.from(contents);
const sharedAndSharing = ({ scanner }: KsmHost): number[] => [scanner.pagesShared, scanner.pagesSharing];

describe("N identical pages and at most M sharers", () => {
  it.each([
    [10, 2, 5, 5],
    [10, 3, 3, 6],
    [256, 256, 1, 255],
    [257, 256, 1, 255],
    [1000, 256, 4, 996],
    [10_000, 256, 40, 9960],
  ])("N = %i, M = %i: %i shared, %i sharing", (count, maxPageSharing, shared, sharing) => {
    const host = ksmHost([new Uint32Array(count).fill(7)], { maxPageSharing });
    for (let pass = 0; pass < 4; pass++) fullScan(host);
    expect(sharedAndSharing(host)).toEqual([shared, sharing]);
    expect(host.scanner.pagesUnshared).toBe(count - shared - sharing);
    checkFrames(host.memory);
  });

  it("give what the formula says, whatever N and M", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 2, max: 40 }), (count, limit) => {
        const host = ksmHost([new Uint32Array(count).fill(7)], { maxPageSharing: limit });
        for (let pass = 0; pass < 3; pass++) fullScan(host);
        const [full, rest] = [Math.floor(count / limit), count % limit];
        const expected = rest < 2 ? [full, full * (limit - 1)] : [full + 1, count - full - 1];
        expect(sharedAndSharing(host)).toEqual(expected);
      }),
      { seed: 3 },
    );
  });

  it("take room that others leave before another frame", () => {
    const host = ksmHost([new Uint32Array(8).fill(7)], { maxPageSharing: 4 });
    for (let pass = 0; pass < 2; pass++) fullScan(host);
    const [vm] = host.memory.vms;
    host.memory.write(vm, 0, 1);
    host.memory.write(vm, 5, 2);
    for (let pass = 0; pass < 2; pass++) fullScan(host);
    expect(sharedAndSharing(host)).toEqual([2, 4]);
    for (const ppn of [0, 5]) host.memory.write(vm, ppn, 7);
    for (let pass = 0; pass < 2; pass++) fullScan(host);
    expect(sharedAndSharing(host)).toEqual([2, 6]);
  });
});

describe("a page", () => {
  it("is merged at its second visit, and not if it has changed since the first", () => {
    const host = ksmHost([pages(1, 1, 2, 3)]);
    fullScan(host);
    expect(kernelCounters(host)).toMatchObject({ pages_shared: 0, pages_volatile: 4 });
    host.memory.write(host.memory.vms[0], 3, 2);
    fullScan(host);
    expect(kernelCounters(host)).toMatchObject({
      pages_shared: 1,
      pages_sharing: 1,
      pages_unshared: 1,
      pages_volatile: 1,
    });
    fullScan(host);
    expect(kernelCounters(host)).toMatchObject({ pages_shared: 2, pages_sharing: 2, pages_volatile: 0 });
  });

  it("joins a shared frame at its first visit on kernels that look there first", () => {
    const newcomers = [true, false].map((stableFirst) => {
      const host = ksmHost([pages(1, 1, 2, 3)], { stableFirst });
      for (let pass = 0; pass < 2; pass++) fullScan(host);
      host.memory.write(host.memory.vms[0], 2, 1);
      fullScan(host);
      return host.scanner.pagesSharing;
    });
    expect(newcomers).toEqual([2, 1]);
  });

  it("that changes all the time is looked for among shared frames only by kernels that look there first", () => {
    const searches = [true, false].map((stableFirst) => {
      const host = ksmHost([pages(1, 1, 2)], { stableFirst });
      for (let pass = 0; pass < 2; pass++) fullScan(host);
      const { comparisons, hashes } = host.scanner;
      for (let content = 3; content < 10; content++) {
        host.memory.write(host.memory.vms[0], 2, content);
        fullScan(host);
      }
      return [host.scanner.hashes - hashes, host.scanner.comparisons - comparisons];
    });
    expect(searches).toEqual([
      [7, 7],
      [7, 0],
    ]);
  });

  it("is compared with one page on each level of a tree", () => {
    // The stable tree is empty; the unstable one has 0 to 8 pages when the next one comes: 0, 1, 2 x 2, 4 x 3 levels, 4.
    const host = ksmHost([pages(1, 2, 3, 4, 5, 6, 7, 8, 9)]);
    for (let pass = 0; pass < 2; pass++) fullScan(host);
    expect(host.scanner.comparisons).toBe(1 + 2 * 2 + 4 * 3 + 4);
  });

  it("that everybody else has left stays a shared frame, until its last page is written: which takes a copy, too", () => {
    const host = ksmHost([pages(1, 1, 1), pages(4)]);
    for (let pass = 0; pass < 2; pass++) fullScan(host);
    const { memory } = host;
    const { frames, vms } = memory;
    for (const ppn of [0, 1]) memory.write(vms[0], ppn, 5 + ppn);
    // Nobody has looked yet.
    expect(sharedAndSharing(host)).toEqual([1, 2]);
    for (let pass = 0; pass < 2; pass++) fullScan(host);
    expect([...sharedAndSharing(host), frames.shared, frames.saved]).toEqual([1, 0, 1, 0]);
    memory.write(vms[1], 0, 1);
    for (let pass = 0; pass < 2; pass++) fullScan(host);
    expect(sharedAndSharing(host)).toEqual([1, 1]);
    memory.write(vms[1], 0, 8);
    memory.write(vms[0], 2, 9);
    expect([memory.cowBreaks, frames.shared, frames.private, frames.free]).toEqual([4, 0, 4, 0]);
    fullScan(host);
    expect(kernelCounters(host)).toMatchObject({
      pages_shared: 0,
      pages_sharing: 0,
      pages_unshared: 2,
      pages_volatile: 2,
    });
    checkFrames(memory);
  });

  it("of zeros goes to the page of zeros, is passed over from then on, and comes back when it is written", () => {
    const host = ksmHost([pages(0, 0, 3), pages(0, 4, 4)], { useZeroPages: true });
    for (let pass = 0; pass < 2; pass++) fullScan(host);
    const { memory, scanner } = host;
    expect(kernelCounters(host)).toMatchObject({
      pages_shared: 1,
      pages_sharing: 1,
      pages_unshared: 1,
      ksm_zero_pages: 3,
    });
    expect([memory.frames.saved, memory.frames.free, scanner.pagesScanned]).toEqual([4, 4, 12]);
    fullScan(host);
    expect(scanner.pagesScanned).toBe(15);
    expect(scanner.profitBytes).toBe(4096 * 4 - 64 * 3);
    memory.write(memory.vms[0], 0, 3);
    expect([scanner.zeroPages, memory.cowBreaks]).toEqual([2, 1]);
    for (let pass = 0; pass < 2; pass++) fullScan(host);
    expect(kernelCounters(host)).toMatchObject({
      pages_shared: 2,
      pages_sharing: 2,
      pages_unshared: 0,
      ksm_zero_pages: 2,
    });
    checkFrames(memory);
  });

  it("that finds no equal is left out of 1, 2, 2, 4, 4, 4, 8, 8... passes after its fourth visit", () => {
    const host = ksmHost([pages(1)], { smartScan: true });
    const visits = Array.from({ length: 60 }, () => {
      const { pagesScanned } = host.scanner;
      fullScan(host);
      return host.scanner.pagesScanned - pagesScanned;
    });
    const passes = visits.flatMap((visited, pass) => (visited === 1 ? [pass + 1] : []));
    // Age 3 at pass 4: 1 left out. Age 5 at pass 6: 2. Age 8 at pass 9: 4. From pass 14 on always 8.
    expect(passes).toEqual([1, 2, 3, 4, 6, 9, 14, 23, 32, 41, 50, 59]);
    expect(host.scanner.pagesSkipped).toBe(60 - passes.length);
    expect(kernelCounters(host)).toMatchObject({ pages_unshared: 0, pages_volatile: 1 });
  });
});

it("does nothing on a host without VMs, and takes up a VM that comes while it scans", () => {
  const empty = ksmHost([]);
  empty.scanner.scan(10);
  expect([empty.scanner.pagesScanned, empty.scanner.fullScans]).toEqual([0, 0]);
  const host = ksmHost([pages(1, 2, 3, 4), pages()]);
  host.scanner.scan(3);
  host.memory.swapOut(host.memory.vms[0], 3);
  host.memory.write(host.memory.addVm(1), 0, 3);
  for (let pass = 0; pass < 2; pass++) fullScan(host);
  expect(sharedAndSharing(host)).toEqual([1, 1]);
  expect(host.scanner.pagesScanned).toBe(8);
});

it("merges pages as visited only before it scans", () => {
  const host = ksmHost([pages(1, 2, 1, 1)], { maxPageSharing: 2 });
  const [vm] = host.memory.vms;
  expect([0, 1, 2, 3].map((ppn) => host.scanner.mergeUnchanged(vm, ppn))).toEqual([false, false, true, false]);
  expect(kernelCounters(host)).toMatchObject({ pages_shared: 1, pages_sharing: 1, pages_unshared: 2 });
  host.scanner.scan(1);
  expect(() => host.scanner.mergeUnchanged(vm, 1)).toThrow(RangeError);
});

type Command =
  | { readonly kind: "write"; readonly page: number; readonly content: number }
  | { readonly kind: "swap"; readonly page: number }
  | { readonly kind: "scan"; readonly most: number; readonly tookMs: number };

const VMS = [7, 0, 9, 4];
const PAGES = VMS.reduce((sum, count) => sum + count, 0);
const page = fc.nat(PAGES - 1);
// Few contents, so that pages are equal often.
const content = fc.nat(4);
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("write" as const), page, content }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("swap" as const), page }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("scan" as const),
      most: fc.integer({ min: 1, max: 25 }),
      tookMs: fc.nat(400),
    }),
  },
);
const settings: fc.Arbitrary<KsmSettings> = fc.record({
  maxPageSharing: fc.constantFrom(2, 3, 5, 100),
  useZeroPages: fc.boolean(),
  smartScan: fc.boolean(),
  stableFirst: fc.boolean(),
  chainsPruneMs: fc.constantFrom(0, 500, 2000),
});

/** Both at once, and what they say about it. */
class Pair {
  readonly host: KsmHost;
  readonly naive: NaiveKsm;

  constructor(contents: readonly number[], chosen: KsmSettings) {
    let first = 0;
    const byVm = VMS.map((count) => Uint32Array.from(contents.slice(first, (first += count))));
    this.host = ksmHost(byVm, chosen);
    this.naive = new NaiveKsm(contents, chosen);
  }

  run(step: Command): void {
    const { memory, scanner } = this.host;
    if (step.kind === "scan") {
      scanner.scan(step.most);
      this.naive.scan(step.most);
      this.naive.timeMs += step.tookMs;
      scanner.timeMs = this.naive.timeMs;
      return;
    }
    const [vm, ppn] = this.#place(step.page);
    if (step.kind === "write") {
      if (vm.backing[ppn] < 0) memory.read(vm, ppn);
      memory.write(vm, ppn, step.content);
      this.naive.write(step.page, step.content);
    } else if (vm.backing[ppn] < 0) {
      this.naive.map(step.page, memory.read(vm, ppn));
    } else {
      memory.swapOut(vm, ppn);
      this.naive.unmap(step.page);
    }
  }

  /** As {@link NaiveKsm.partition}. */
  partition(): number[] {
    const { memory } = this.host;
    const frames = memory.vms.flatMap((vm) => [...vm.backing]);
    return frames.map((mpn) => {
      if (mpn < 0) return -1;
      return mpn === memory.zeroFrame ? -2 : frames.indexOf(mpn);
    });
  }

  #place(index: number) {
    let [vm, ppn] = [0, index];
    while (ppn >= VMS[vm]) ppn -= VMS[vm++];
    return [this.host.memory.vms[vm], ppn] as const;
  }
}

it("agrees at every step with a KSM that searches through everything", () => {
  const contents = fc.array(content, { minLength: PAGES, maxLength: PAGES });
  fc.assert(
    fc.property(contents, settings, fc.array(command, { minLength: 30, maxLength: 120 }), (start, chosen, steps) => {
      const pair = new Pair(start, chosen);
      const { scanner, memory } = pair.host;
      for (const step of steps) {
        pair.run(step);
        const { naive } = pair;
        expect({
          ...kernelCounters(pair.host),
          counts: [scanner.pagesScanned, scanner.fullScans, scanner.pagesSkipped, memory.cowBreaks],
          partition: pair.partition(),
        }).toEqual({
          ...naive.counters(),
          counts: [naive.scanned, naive.fullScans, naive.skipped, naive.cowBreaks],
          partition: naive.partition(),
        });
        checkFrames(memory);
      }
    }),
    { numRuns: 200, seed: 12 },
  );
});
