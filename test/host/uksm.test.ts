import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/random.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { ScanLadder } from "../../src/vmm/memory/scan-ladder.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { ksm } from "../../src/vmm/memory/ksm.ts";
import { linesWithWords, uksm, type UksmParameters } from "../../src/vmm/memory/uksm.ts";
import { buildHost, checkFrames, profile } from "./fixtures.ts";

/** A host with a VM for each list of contents. */
function hostWith(contents: readonly (readonly number[])[], parameters: Partial<UksmParameters> = {}) {
  const pages = contents.reduce((sum, vm) => sum + vm.length, 0);
  const host = buildHost({ ...kvm, memory: [uksm(parameters)] }, pages);
  for (const vmContents of contents) {
    const vm = host.memory.addVm(vmContents.length);
    vmContents.forEach((content, ppn) => host.memory.write(vm, ppn, content));
  }
  return host;
}

const numbers = (count: number, of: (i: number) => number): number[] => Array.from({ length: count }, (_, i) => of(i));

const rungs = [0.01, 0.1, 0.5].map((cpuPart) => ({ cpuPart, coverMs: 100 }));

function ladderWith(thrashPercent = 50) {
  const host = hostWith([numbers(1000, (i) => i + 1), numbers(1000, (i) => i + 1)]);
  const ladder = new ScanLadder(rungs, { abundantPercent: 10, thrashPercent }, new RandomStream(1, "ladder"));
  ladder.meet(host.memory.vms);
  return { ladder, region: ladder.regionOf(host.memory.vms[0]), ...host };
}

/** Of a region of whose merged pages six in ten have been written to. */
function rungAfterThrashing(thrash: number): number {
  const { ladder, region } = ladderWith(thrash);
  while (!ladder.lookedAt(region, 2));
  region.merged = 100;
  region.vm.sharingBroken += 60;
  ladder.judge(region);
  return region.rung;
}

describe("UKSM", () => {
  it("finds all equal pages of guests that do not change, with one frame for each content in the end", () => {
    const random = new RandomStream(3, "contents");
    const contents = [0, 1, 2].map(() => numbers(700, () => 1 + random.below(300)));
    const host = hostWith(contents);
    for (let round = 0; round < 50; round++) host.mechanisms[0].work();
    expect(host.memory.frames.saved).toBe(2100 - new Set(contents.flat()).size);
    contents.forEach((of, i) => {
      expect(of.map((_, ppn) => host.memory.read(host.memory.vms[i], ppn))).toEqual(of);
    });
    checkFrames(host.memory);
  });

  it("merges a page at its first visit once an equal one has been seen", () => {
    const host = hostWith([numbers(64, () => 5)]);
    while (host.memory.pagesScanned < 64) host.mechanisms[0].work();
    expect(host.memory.frames.saved).toBe(63);
  });

  it.each([
    { governor: 3, most: 1.5 },
    { governor: 2, most: 21 },
  ])("keeps to the CPU time of governor $governor: $most % at most", ({ governor, most }) => {
    const { memory, mechanisms, megahertz } = {
      ...hostWith([numbers(60_000, (i) => i + 1)], { governor }),
      megahertz: 2400,
    };
    let us = 0;
    const before = memory.payer.total;
    for (let round = 0; round < 300; round++) {
      mechanisms[0].work();
      us += mechanisms[0].periodUs;
    }
    expect((100 * (memory.payer.total - before)) / megahertz / us).toBeLessThan(most);
    expect(memory.pagesScanned).toBeGreaterThan(0);
  });
});

function cost(name: string): number {
  return primitiveCost(profile, name);
}

/** Ways to choose `k` of `n`. */
function binomial(n: number, k: number): bigint {
  let ways = 1n;
  for (let i = 1; i <= k; i++) ways = (ways * BigInt(n - k + i)) / BigInt(i);
  return ways;
}

describe("what UKSM pays for a page", () => {
  it.each([1, 2, 16, 64, 500, 1008, 1024])("reads the lines that %i words anywhere lie in", (words) => {
    // A line is left out if all words are among the 1008 that lie in others.
    const leftOut = words > 1008 ? 0n : binomial(1008, words);
    const scale = 10n ** 15n;
    const expected = 1 - Number((leftOut * scale) / binomial(1024, words)) / Number(scale);
    expect(linesWithWords(words)).toBeCloseTo(expected, 12);
  });

  it("looks for each of a guest's different contents among those seen before, by halves", () => {
    const pages = 1000;
    const host = hostWith([numbers(pages, (i) => i + 1)], { hashWords: 1 });
    const before = host.memory.payer.total;
    while (host.memory.pagesScanned < pages) host.mechanisms[0].work();
    const { pagesScanned } = host.memory;
    let nodes = 0;
    // A tree of n contents has as many levels as n has binary digits; once all are known, it stays as it is.
    for (let seen = 0; seen < pagesScanned; seen++) {
      const known = Math.min(seen, pages);
      nodes += known === 0 ? 0 : known.toString(2).length;
    }
    const hash = Math.round(primitiveCost(profile, "page.hash") / 64);
    const line = primitiveCost(profile, "hardware.cache-line-transfer");
    expect(host.memory.payer.total - before).toBe(pagesScanned * hash + nodes * line);
  });

  it("does not look among single pages for a page whose equal is a shared frame", () => {
    const singles = 15;
    const { memory, mechanisms } = hostWith([[7, 7], numbers(singles + 1, (i) => 100 + i)], { hashWords: 1 });
    while (memory.frames.saved < 1 || memory.pagesScanned < 200) mechanisms[0].work();
    memory.write(memory.vms[1], singles, 7);
    const before = memory.payer.total;
    while (memory.frames.saved < 2) mechanisms[0].work();
    const hash = Math.round(cost("page.hash") / 64);
    const line = cost("hardware.cache-line-transfer");
    // Each look at a single page goes down the tree of the one shared frame, and that of 16 single pages; the one that joins it does not.
    const perLook = hash + (1 + 5) * line;
    const looks = memory.payer.total - before - cost("page.compare") - cost("page.map") - (hash + line);
    expect(looks % perLook).toBe(0);
  });

  it("is by as much less than what KSM pays as the patch's authors measured", () => {
    // Pages that have no equal, on a Core 2: 627 to 2,445 MB/s, where KSM goes through 260 at most (UKSM's documentation).
    const machine = loadMachine("machines/x86-64-server.yaml").profile;
    const pages = 60_000;
    const cyclesPerPage = (part: ReturnType<typeof uksm>, passesBefore: number): number => {
      const { memory, mechanisms } = buildHost({ ...kvm, memory: [part] }, pages, machine);
      const vm = memory.addVm(pages);
      for (let ppn = 0; ppn < pages; ppn++) memory.write(vm, ppn, ppn + 1);
      const scan = (until: number): void => {
        while (memory.pagesScanned < until) mechanisms[0].work();
      };
      scan(passesBefore * pages);
      const before = { cycles: memory.payer.total, pages: memory.pagesScanned };
      scan((passesBefore + 1) * pages);
      return (memory.payer.total - before.cycles) / (memory.pagesScanned - before.pages);
    };
    // KSM looks for a page at its second visit, if it has not changed.
    const ratio = cyclesPerPage(ksm({ smartScan: false }), 1) / cyclesPerPage(uksm(), 1);
    expect(ratio).toBeGreaterThan(627 / 260);
    expect(ratio).toBeLessThan(2445 / 260);
  });
});

describe("the ladder", () => {
  it("samples so much of a region that all of a rung are gone through in its time", () => {
    const { ladder, region } = ladderWith();
    // 1 % of 100 ms at 2 us a page are 500 pages of the rung's 2000: every fourth one.
    let looked = 1;
    while (!ladder.lookedAt(region, 2)) looked++;
    expect(looked).toBe(250);
  });

  it("takes a region up when a tenth of its sample was merged, down otherwise, and to the bottom when all of it was seen", () => {
    const { ladder, region } = ladderWith();
    const judged = (merged: number): number => {
      while (!ladder.lookedAt(region, 2));
      region.merged = merged * region.scanned;
      ladder.judge(region);
      return region.rung;
    };
    expect([judged(0.1), judged(0.05), judged(0.2)]).toEqual([1, 0, 1]);
    while (region.rung > 0) judged(1);
    expect(region.covered).toBe(0);
    expect(ladder.on(0)).toContain(region);
  });

  it("takes a region down in which what was merged is written to again", () => {
    expect([rungAfterThrashing(50), rungAfterThrashing(0)]).toEqual([0, 1]);
  });
});
