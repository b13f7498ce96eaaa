import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ledger } from "../../src/core/ledger.ts";
import { kernelFootprints } from "../../src/guest/kernel-footprints.ts";
import { type KernelFootprint, type KernelMapping, KernelPages } from "../../src/guest/kernel-pages.ts";
import { type KernelPathName, kernelPaths } from "../../src/guest/kernel-paths.ts";
import { Meter } from "../../src/machine/meter.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { LMBENCH } from "../../src/sim/microbenchmarks/lmbench.ts";
import { compileMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { bootGuest } from "../../src/sim/monitor.ts";
import { buildMachine } from "../../src/sim/monitor-machine.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { native, xenPv1 } from "../../src/vmm/registry.ts";
import { LINUX_6_1, XEON } from "./machines.ts";

const PATHS = kernelPaths(XEON);
const FOOTPRINTS = kernelFootprints(XEON) ?? {};
const NAMES = Object.keys(FOOTPRINTS) as KernelPathName[];
const MISS = "hardware.tlb-miss.kernel";
const SMALL: KernelMapping = { largePages: false, global: false };
const NATIVE: KernelMapping = { largePages: true, global: true };

function kernelOn(mapping: KernelMapping, entries = 64) {
  const meter = new Meter();
  const tlb = new Tlb(entries, entries, new Tlb(entries, entries));
  const pages = new KernelPages(FOOTPRINTS, mapping, tlb, meter, XEON);
  const misses = (): number => meter.ledger.eventsByCause()[MISS] ?? 0;
  return { meter, tlb, pages, misses };
}

/** Misses of a fully associative TLB as its definition has it: a list, the page used last first. */
class NaiveKernel {
  misses = 0;
  readonly #mapping: KernelMapping;
  readonly #entries: number;
  #code: string[] = [];
  #data: string[] = [];
  #run = 0;

  constructor(mapping: KernelMapping, entries: number) {
    this.#mapping = mapping;
    this.#entries = entries;
  }

  run({ code, data }: KernelFootprint): void {
    for (const page of code) this.#visit(this.#code, page);
    for (const page of data) this.#visit(this.#data, page);
    this.#run += 1;
  }

  flush(): void {
    if (this.#mapping.global) return;
    this.#code = [];
    this.#data = [];
  }

  #visit(held: string[], page: number): void {
    const name = page < 0 ? `new ${this.#run} ${page}` : `${page}`;
    const at = held.indexOf(name);
    if (at === -1) this.misses += 1;
    else held.splice(at, 1);
    held.unshift(name);
    held.length = Math.min(held.length, this.#entries);
  }
}

/** 4 MB regions that pages lie in. */
function regions(pages: readonly number[]): number {
  return new Set(pages.map((page) => page >> 10)).size;
}

/** What a switch from one process to another misses of the kernel's pages. */
function missesOfSwitch(vmm: Vmm): number {
  const benchmark = LMBENCH.find(({ name }) => name === "2p/0K");
  if (benchmark === undefined) throw new Error("there is no 2p/0K");
  const { machine, kernel } = bootGuest(vmm, XEON, compileMicrobenchmark(benchmark).workload);
  for (const process of [0, 1]) kernel.switchTo(process);
  machine.meter.ledger = new Ledger();
  kernel.switchTo(0);
  return machine.meter.ledger.eventsByCause()[MISS] ?? 0;
}

describe("the kernel's own pages in the TLB", () => {
  it("miss as often as in a list of the pages used last, whatever runs and is flushed, by small pages", () => {
    const step = fc.oneof(fc.constantFrom(...NAMES), fc.constant("flush" as const));
    const sequence = fc.array(step, { maxLength: 40 });
    fc.assert(
      fc.property(sequence, fc.constantFrom(8, 64, 128), fc.boolean(), (steps, entries, global) => {
        const mapping = { largePages: false, global };
        const { tlb, pages, misses } = kernelOn(mapping, entries);
        const naive = new NaiveKernel(mapping, entries);
        for (const name of steps) {
          if (name === "flush") {
            tlb.flush();
            naive.flush();
          } else {
            pages.run(PATHS[name], 1);
            naive.run(FOOTPRINTS[name] as KernelFootprint);
          }
        }
        expect(misses()).toBe(naive.misses);
      }),
    );
  });

  it("cost a walk of all levels by small pages, one less by large ones, of nested tables both ways", () => {
    const level = primitiveCost(XEON, "hardware.page-walk-level");
    const walkOf = (mapping: KernelMapping): number => {
      const { meter, pages, misses } = kernelOn(mapping);
      pages.run(PATHS["syscall-null"], 1);
      return meter.now / misses() / level;
    };
    expect([SMALL, NATIVE, { ...SMALL, nested: true } as const].map(walkOf)).toEqual([2, 1, 2 * 2 + 2 + 2]);
  });

  it("need one entry for each 4 MB by large pages, and survive a load of the page-table base", () => {
    const { tlb, pages, misses } = kernelOn(NATIVE);
    const { code, data } = FOOTPRINTS.fork as KernelFootprint;
    pages.run(PATHS.fork, 1);
    expect(misses()).toBe(regions(code) + regions(data));
    tlb.flush();
    pages.run(PATHS.fork, 1);
    expect(misses()).toBe(regions(code) + regions(data));
    tlb.flushAll();
    pages.run(PATHS.fork, 1);
    expect(misses()).toBe(2 * (regions(code) + regions(data)));
  });

  // Misses of a run, median of forty or more, in a TLB of 64 entries that the emulator saw every access to kernel data pass; of
  // the deletion of a file every other run has one.
  it.each([
    ["syscall-null", 0],
    ["syscall-stat", 0],
    ["syscall-open-close", 0],
    ["syscall-select", 0],
    ["syscall-pipe", 0],
    ["signal-handle", 0],
    ["page-fault", 1],
    ["copy-on-write", 2],
    ["file-fault", 0],
    ["protection-fault", 0],
    ["mmap", 0],
    ["munmap", 0],
    ["mprotect", 0],
    ["syscall-create-file", 1],
    ["write-file-page", 2],
    ["rewrite-file-page", 1],
    ["read-file-page", 1],
    ["send-packet", 1],
    ["receive-packet", 1],
  ] as const)("miss in %s as they did under the emulator: %i", (name, measured) => {
    const { pages, misses } = kernelOn(SMALL);
    pages.run(PATHS[name], 10);
    const before = misses();
    pages.run(PATHS[name], 10);
    expect((misses() - before) / 10).toBe(measured);
  });

  it("are walked anew at every switch between address spaces on Xen, and not at all on bare metal", () => {
    const { code, data } = FOOTPRINTS["context-switch"] as KernelFootprint;
    expect(missesOfSwitch(native)).toBe(0);
    expect(missesOfSwitch(xenPv1)).toBe(new Set(code).size + new Set(data).size);
  });

  it("are left out where a kernel is given in instructions", () => {
    const machine = buildMachine(native, LINUX_6_1, 4096, new Meter());
    machine.cpu.runKernel(kernelPaths(LINUX_6_1).fork, 1);
    expect(machine.meter.ledger.eventsByCause()[MISS]).toBeUndefined();
  });
});
