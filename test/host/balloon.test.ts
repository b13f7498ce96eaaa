/**
 * A guest that is ballooned down to some size against one that is booted with it (Waldspurger 2002, figure 2): paging counters
 * of a simulated guest with Linux 6.1 held against those that a real one counted.
 */
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { readJson } from "../inputs/data-files.ts";
import { esx } from "../../src/vmm/esx.ts";
import { buildHost } from "./fixtures.ts";
import { runBalloonJob } from "../../src/analysis/validation/balloon/balloon-job.ts";
import { readJobPrograms } from "../../src/analysis/validation/balloon/job-programs.ts";
import type { PagingCounters } from "../../src/analysis/validation/balloon/paging-counters.ts";
import { PACKAGE_ROOT } from "../../src/experiment/catalogue.ts";
import { CompilerFiles, readCompilerTrace } from "../../src/analysis/validation/balloon/compiler-trace.ts";
import {
  FIRST_GUEST,
  type GuestSize,
  memTotalKib,
  SECOND_GUEST,
} from "../../src/analysis/validation/balloon/measured-guest.ts";

interface Measured {
  readonly fileReading: PagingCounters;
  readonly wholeJob: PagingCounters;
  readonly memTotalKib: number;
}

it("a page that a balloon gives back and takes again untouched is promised to the VM only meanwhile", () => {
  const { memory } = buildHost(esx, 100);
  const vm = memory.addVm(50);
  for (let ppn = 0; ppn < 50; ppn++) memory.write(vm, ppn, ppn);
  for (let round = 0; round < 3; round++) {
    for (let ppn = 0; ppn < 20; ppn++) memory.release(vm, ppn);
    expect([vm.ballooned, vm.returned, vm.claimed]).toEqual([20, 0, 30]);
    for (let ppn = 0; ppn < 20; ppn++) memory.reclaim(vm, ppn, false);
    expect([vm.ballooned, vm.returned, vm.claimed]).toEqual([0, 20, 50]);
  }
});

const { runs } = readJson<{ readonly runs: Readonly<Record<string, Measured>> }>(
  join(PACKAGE_ROOT, "validation/balloon-measured.json"),
);
const { runs: repeated } = readJson<{ readonly runs: Readonly<Record<string, readonly Measured[]>> }>(
  join(PACKAGE_ROOT, "validation/balloon-repeated.json"),
);
const trace = readCompilerTrace();
const TOLERANCE = 0.25;
const SEED = 1;

/** Counters of the whole job that are further off than the tolerance: a miss more, or one less, fails the test. */
const MISSES: Readonly<Record<string, readonly (keyof PagingCounters)[]>> = {
  // Hardly any pressure. What is swapped out is a page more than three. Runs of the second guest look at 7,000 to 42,000 pages and steal 1,600 to
  // 6,000, by whether reclaim comes to anonymous memory, all of which is in use, and whether the DMA zone is boosted (docs/balloon-job).
  b256: ["pswpout", "pgscan", "pgsteal"],
  b256to240: ["pgscan"],
  // The same: one reclaim of the DMA zone alone looks at 19,000 pages, and it is the compiler's files on the way to them that come back.
  b240: ["pgscan", "workingset_refault_file", "workingset_activate_file"],
  b256to236: ["pgscan"],
  b232: ["pgscan"],
  // Between hardly any pressure and some, 69 and 190 pages swapped in, here none.
  b256to224: [
    "pswpin",
    "pswpout",
    "pgscan",
    "workingset_refault_anon",
    "workingset_refault_file",
    "workingset_activate_anon",
    "workingset_activate_file",
  ],
  // Some hundreds of pages swapped, in a real guest half or twice as many the next time. Those of the benchmark that are swapped in at once, after
  // deep scans in quick succession, are fewer than the real guest's.
  b256to212: ["pswpin", "workingset_refault_anon", "workingset_activate_anon"],
  b212: ["pswpin", "workingset_refault_anon"],
  b256to208: ["pswpin", "workingset_refault_anon", "workingset_activate_anon"],
  // The benchmark's own major faults were 171 of 687 there ballooned, booted 71 (docs/balloon-job).
  b256to192: ["pgmajfault", "pswpin", "workingset_refault_anon", "workingset_activate_anon"],
  b192: ["pswpin", "workingset_refault_anon"],
  // Of what is swapped in fewer are active at once than in the real guest, or more.
  b200: ["workingset_activate_anon"],
  b181: ["workingset_activate_anon", "workingset_activate_file"],
  b176: ["workingset_activate_anon"],
  // Between hardly any pressure and some: 47 pages swapped in, here 135; and 36, here none.
  b219: ["pswpin", "pswpout", "workingset_refault_anon", "workingset_activate_anon"],
  b256to219: ["pswpin", "pswpout", "pgscan", "workingset_refault_anon", "workingset_activate_anon"],
};

function sizeOf(run: string): Pick<GuestSize, "bootedMib" | "balloonedToMib"> {
  const [booted, ballooned] = run.slice(1).split("to").map(Number);
  return { bootedMib: booted, balloonedToMib: ballooned ?? booted };
}

/** The guest that measured: where there are counts of both, the first. */
function guestOf(run: string): GuestSize {
  return { ...sizeOf(run), guest: run in runs ? FIRST_GUEST : SECOND_GUEST };
}

/** How far a count is outside what the runs of a size have measured, as a share of that. */
function error(count: number, measured: readonly number[]): number {
  const [least, most] = [Math.min(...measured), Math.max(...measured)];
  if (count < least) return (least - count) / least;
  return count > most ? (count - most) / most : 0;
}

function isPrivate(page: number): boolean {
  return page >= 0x8000;
}

function faults(bootedMib: number, balloonedToMib: number): number {
  return runBalloonJob({ guest: FIRST_GUEST, bootedMib, balloonedToMib }, trace, SEED).wholeJob.pgmajfault;
}

/** Runs of 16 pages of a file that words of a recording are in; files of so many pages are one after the other there. */
function windowsOf(words: readonly number[], sizes: readonly number[]): number {
  const windows = new Set<string>();
  for (const word of words) {
    let page = word & 0x3fff;
    let file = 0;
    while (page >= sizes[file]) page -= sizes[file++];
    windows.add(`${file}:${page >> 4}`);
  }
  return windows.size;
}

const NAMES = new Set([...Object.keys(runs).filter((run) => !run.endsWith("r")), ...Object.keys(repeated)]);

describe.each([...NAMES])("%s", (run) => {
  test("pages as the real guest does", () => {
    const { wholeJob } = runBalloonJob(guestOf(run), trace, SEED);
    const all = run in runs ? [runs[run], runs[`${run}r`]] : repeated[run];
    const measured = all.filter((it) => it !== undefined).map((it) => it.wholeJob);
    const names = Object.keys(wholeJob) as (keyof PagingCounters)[];
    const missed = names.filter(
      (name) =>
        error(
          wholeJob[name],
          measured.map((it) => it[name]),
        ) > TOLERANCE,
    );
    expect(new Set(missed)).toEqual(new Set(MISSES[run] ?? []));
  });
});

it("plays a run of the compiler that was recorded whole", () => {
  const pages = new Set<number>();
  let instructions = 0;
  for (let at = 0; at < trace.windows.length; at += 1 + trace.windows[at], instructions += trace.windowInstructions) {
    for (const word of trace.windows.subarray(at + 1, at + 1 + trace.windows[at])) pages.add(word & ~0x4000);
  }
  const files = [...pages].filter((page) => !isPrivate(page));
  expect(Math.max(...files)).toBeLessThan(trace.filePages.reduce((sum, count) => sum + count, 0));
  // Private pages are numbered in order of first use, without a gap; reads and writes have a bit of their own.
  const own = new Set([...pages].filter(isPrivate).map((page) => page & 0x3fff));
  expect(Math.max(...own)).toBe(own.size - 1);
  expect([files.length, own.size]).toEqual([3276, 3371]);
  // valgrind counts 893,386,255.
  expect(Math.abs(instructions - 893_386_255)).toBeLessThan(trace.windowInstructions);
});

it("plays programs as they were recorded: each uses a page once, as many as its share of a pipeline's faults allows", () => {
  const { files, programs } = readJobPrograms();
  const sizes = Object.values(files);
  const total = sizes.reduce((sum, pages) => sum + pages, 0);
  for (const { shell, begin, end } of Object.values(programs)) {
    const own = [...begin, ...end].map((word) => word & 0x3fff);
    expect(new Set(own).size).toBe(own.length);
    expect(new Set(shell).size).toBe(shell.length);
    expect(Math.max(...own, ...shell.map((word) => word & 0x3fff))).toBeLessThan(total);
  }
  // The compiler was recorded by other means; files that both map are as large, but for the end of the C library, which nobody maps.
  const compiler = new CompilerFiles(trace, 0).shared;
  for (const [name, { from, to }] of compiler) {
    if (name in files) expect([name, to - from]).toEqual([name, files[name] - (name === "libc.so.6" ? 2 : 0)]);
  }
  // The children of a pipeline take 248 faults (docs/balloon-job), of which 69 are for writing; a fault maps up to 16 pages of a file.
  const windows = (["cat", "md5sum"] as const).map((name) => {
    const { shell, begin, end } = programs[name];
    return windowsOf(shell, sizes) + windowsOf([...begin, ...end], sizes);
  });
  expect(windows[0] + windows[1]).toBeLessThanOrEqual(248 - 69);
});

it.each(Object.keys(repeated).filter((run) => !run.includes("to")))(
  "%s has the MemTotal it should, on another kernel",
  (run) => {
    // Its image is a page larger.
    for (const { memTotalKib: total } of repeated[run]) expect(memTotalKib(sizeOf(run).bootedMib)).toBe(total + 4);
  },
);

it.each(Object.entries(runs).filter(([run]) => !run.includes("to")))(
  "%s has the MemTotal it should",
  (run, measured) => {
    expect(memTotalKib(sizeOf(run.replace("r", "")).bootedMib)).toBe(measured.memTotalKib);
  },
);

it("pages less the more memory there is, and ballooned more than booted where the kernel's tables for 256 MiB are missed", () => {
  const sizes = [120, 128, 144, 160, 176, 192];
  const booted = sizes.map((mib) => faults(mib, mib));
  const ballooned = sizes.map((mib) => faults(256, mib));
  for (const counts of [booted, ballooned]) {
    for (let i = 1; i < counts.length; i++) expect(counts[i]).toBeLessThan(counts[i - 1]);
  }
  // At and below 128 MiB a guest that was booted so needs one section of struct page less.
  for (const i of [0, 1]) expect(ballooned[i]).toBeGreaterThan(1.1 * booted[i]);
});
