/** What creating and deleting files misses in a TLB by small kernel pages, counted in an emulator: docs/kernel-operations/linux-2.4. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { primitiveCost } from "../../src/machine/profile.ts";
import { LMBENCH } from "../../src/sim/microbenchmarks/lmbench.ts";
import { type MeasuredCost, measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { native, xenPv1 } from "../../src/vmm/registry.ts";
import { XEON } from "./machines.ts";

type Missed = Readonly<Record<"dataMisses" | "codeMisses" | "entriesFromMemory" | "otherLines", number>>;
type Counted = Readonly<
  Record<"times" | "instructions" | "dataPages", number> & Record<"largePages" | "smallPages", Missed>
>;
const { operations } = JSON.parse(readFileSync("validation/linux-2.4.20-file-walks.json", "utf8")) as {
  operations: Readonly<Record<string, Counted>>;
};
const PUBLISHED = JSON.parse(readFileSync("validation/published.json", "utf8")) as { id: string; value: number }[];

const WALK = 2 * primitiveCost(XEON, "hardware.page-walk-level");

function measured(name: string, vmm: Vmm): MeasuredCost {
  const benchmark = LMBENCH.find((each) => each.name === name);
  if (benchmark === undefined) throw new Error(`no benchmark ${name}`);
  return measureMicrobenchmark(benchmark, vmm, XEON);
}

/** What the kernel's own instructions take less on Xen: a bit set in memory instead of an instruction for the interrupt flag. */
function savedByFlags(name: string): number {
  return measured(name, native).ledger["guest.kernel"] - measured(name, xenPv1).ledger["guest.kernel"];
}

/** By how many cycles Barham et al. 2003, Table 5, find Xen slower than native Linux. */
function publishedDifference(name: string): number {
  const [xen, linux] = ["xen", "l-up"].map((system) => PUBLISHED.find(({ id }) => id === `xen03.t5.${system}.${name}`));
  if (xen === undefined || linux === undefined) throw new Error(`Table 5 has no ${name}`);
  return (xen.value - linux.value) * 2400;
}

describe.each([
  ["10k-create", "create_10k"],
  ["10k-delete", "delete_10k"],
] as const)("%s by kernel pages of 4 KiB", (benchmark, operation) => {
  const { times, dataPages, largePages, smallPages } = operations[operation];
  const missesOf = ({ dataMisses, codeMisses }: Missed): number => (dataMisses + codeMisses) / times;

  it("misses a TLB of 64 entries, where by large ones nothing does, and no more often than pages are visited", () => {
    expect(missesOf(largePages)).toBe(0);
    expect(missesOf(smallPages)).toBeGreaterThan(20);
    expect(missesOf(smallPages)).toBeLessThan(dataPages / times);
  });

  it("finds the entries of page tables in the second-level cache, and displaces nothing there", () => {
    expect(smallPages.entriesFromMemory / times).toBeLessThan(0.15);
    expect(smallPages.otherLines / largePages.otherLines).toBeCloseTo(1, 2);
  });

  it("does not take what Xen loses in the source: less than flags save, and not enough if every page missed each time", () => {
    const saved = savedByFlags(benchmark);
    expect(missesOf(smallPages) * WALK).toBeLessThan(saved);
    expect((dataPages / times) * WALK).toBeLessThan(0.8 * (saved + publishedDifference(benchmark)));
  });

  it("misses no more in the simulation", () => {
    const simulated = measured(benchmark, xenPv1).events["hardware.tlb-miss.kernel"];
    expect(simulated).toBeGreaterThan(0);
    expect(simulated).toBeLessThanOrEqual(missesOf(smallPages));
  });
});

it("misses the TLB once in a while for empty files, whose pages all fit", () => {
  for (const { times, dataPages, smallPages } of [operations.create, operations.delete]) {
    expect(dataPages / times).toBeLessThan(64);
    expect(smallPages.dataMisses / times).toBeLessThan(2);
  }
});
