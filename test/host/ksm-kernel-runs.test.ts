/** Linux's KSM, counter by counter, against what a real kernel counted on the memory of real guests. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { readInputFile } from "../../src/experiment/input-files.ts";
import { ContentIds } from "../../src/machine/content-ids.ts";
import { parseFingerprints } from "../../src/workload/readers/fingerprints.ts";
import {
  committed,
  guestMemory,
  hasCollection,
  type KsmRunsTruth,
  type KsmRunTruth,
  readJson,
} from "../inputs/data-files.ts";
import { chains, fullScan, kernelCounters, type KsmHost, ksmHost } from "./ksm-host.ts";

const { runs } = readJson<KsmRunsTruth>(join(committed, "ksm-runs.json"));
const [staged, unstaged] = [true, false].map((is) => runs.filter(({ stages }) => stages.length > 1 === is));

/**
 * The order in which the scanner came by the VMs, where it is not that of the file: they were registered one after the
 * other while it ran, and a new one is put behind the one it is at. Found by trying all; final counters do not depend on it.
 */
const WALKED: Readonly<Record<string, readonly number[]>> = {
  "S4.plain": [0, 1, 3, 2],
  "S4b.plain": [0, 1, 3, 2],
  "S6.plain": [0, 2, 1, 3, 4, 5],
  "S9.plain": [0, 8, 1, 2, 3, 4, 5, 6, 7],
  "S4.smart": [1, 0, 2, 3],
  "S6.zero": [1, 0, 3, 2, 4, 5],
  "S6.max256": [0, 3, 1, 2, 4, 5],
  "P4.staged": [1, 0, 2, 3],
};
/** Counters are read one after the other while the scanner goes on, at up to 1,000 pages a millisecond in a first pass. */
const PAGES_WHILE_READING = 32;
/** A page that the scanner is just looking at is in none of the trees. */
const PAGES_IN_HAND = 1;

class Replay {
  readonly host: KsmHost;
  readonly #run: KsmRunTruth;
  readonly #order: readonly number[];
  readonly #ids = new ContentIds();
  #contents: readonly Uint32Array[];
  /** Pages of the batch that is under way. */
  #left = 0;

  constructor(run: KsmRunTruth) {
    const { max_page_sharing, use_zero_pages, smart_scan } = run.settings;
    this.#run = run;
    this.#order = WALKED[run.id] ?? run.vms.map((_, vm) => vm);
    this.#contents = this.#load(0);
    this.host = ksmHost(this.#contents, {
      maxPageSharing: max_page_sharing,
      useZeroPages: use_zero_pages === 1,
      smartScan: smart_scan === 1,
    });
  }

  /** Scan on, in batches as long as the run's, until so many pages have been scanned. */
  scanTo(pages: number): void {
    const { scanner } = this.host;
    while (scanner.pagesScanned < pages) {
      if (this.#left === 0) this.#left = this.#run.settings.pages_to_scan;
      const [asked, before] = [Math.min(this.#left, pages - scanner.pagesScanned), scanner.pagesScanned];
      scanner.scan(asked);
      // A batch that reaches the end of the pass ends there.
      this.#left = scanner.pagesScanned - before < asked ? 0 : this.#left - asked;
    }
  }

  /** The batch under way goes to its end, and with it maybe the pass. */
  finishBatch(): void {
    if (this.#left > 0) this.host.scanner.scan(this.#left);
    this.#left = 0;
  }

  /** Rewrite what differs in the snapshots of another stage: pages rewritten and copy-on-write breaks of each VM. */
  rewrite(stage: number): { pages_rewritten: number[]; cow_faults: number[] } {
    const { memory } = this.host;
    const [before, after] = [this.#contents, this.#load(stage)];
    this.#contents = after;
    const [pages_rewritten, cow_faults]: [number[], number[]] = [[], []];
    this.#order.forEach((vm, i) => {
      const breaks = memory.cowBreaks;
      const changed = [...after[i].keys()].filter((ppn) => after[i][ppn] !== before[i][ppn]);
      for (const ppn of changed) memory.write(memory.vms[i], ppn, after[i][ppn]);
      pages_rewritten[vm] = changed.length;
      cow_faults[vm] = memory.cowBreaks - breaks;
    });
    return { pages_rewritten, cow_faults };
  }

  #load(stage: number): readonly Uint32Array[] {
    return this.#order.map((vm) => this.#ids.internAll(snapshot(this.#run.vms[vm][stage])));
  }
}

const loaded = new Map<string, BigUint64Array>();

function snapshot(name: string): BigUint64Array {
  const path = join(name.endsWith(".t3") ? committed : guestMemory, `${name}.fp.gz`);
  const fingerprints = loaded.get(name) ?? parseFingerprints(readInputFile(path).bytes, path);
  loaded.set(name, fingerprints);
  return fingerprints;
}

/** Pages that the kernel tracked besides those of the VMs, at a sample: of a process of an earlier run, on its way out. */
function strangers(sample: readonly number[], pages: number): number {
  const [, , , shared, sharing, unshared, volatile] = sample;
  return Math.max(0, shared + sharing + unshared + volatile - pages);
}

/** The largest difference between a sample's counters and ours, in pages and as a fraction of the counter. */
function holdSamples(run: KsmRunTruth): { pages: number; fraction: number } {
  const replay = new Replay(run);
  const all = 65_536 * run.vms.length;
  const surplus = strangers(run.samples.find(([, , fullScans]) => fullScans > 0) ?? [], all);
  const difference = { pages: 0, fraction: 0 };
  let scanned = 0;
  run.stages.forEach((truth, stage) => {
    if (stage > 0) replay.rewrite(stage);
    for (const sample of run.samples.filter(([of]) => of === stage)) {
      const [, position, fullScans, shared, sharing, unshared, volatile, zero] = sample;
      replay.scanTo(fullScans > 0 ? position - surplus : Math.min(position, all));
      const theirs = [shared, sharing, unshared, volatile - strangers(sample, all), zero];
      Object.values(kernelCounters(replay.host)).forEach((ours, counter) => {
        const pages = Math.abs(ours - theirs[counter]);
        difference.pages = Math.max(difference.pages, pages);
        if (pages > PAGES_IN_HAND)
          difference.fraction = Math.max(difference.fraction, pages / Math.max(1, theirs[counter]));
      });
    }
    scanned += truth.pages_scanned;
    replay.scanTo(scanned - surplus);
    replay.finishBatch();
  });
  return difference;
}

describe.each(unstaged)("KSM on the guests of $id", (run) => {
  it("ends with the kernel's counters, to the page", () => {
    const [{ pages_scanned, full_scans, general_profit_bytes, pages_skipped, ...truth }] = run.stages;
    const replay = new Replay(run);
    const surplus = strangers(run.samples.find(([, , fullScans]) => fullScans > 0) ?? [], 65_536 * run.vms.length);
    replay.scanTo(pages_scanned - surplus);
    replay.finishBatch();
    const { scanner } = replay.host;
    expect({ ...kernelCounters(replay.host), ...chains(replay.host) }).toEqual(truth);
    expect(replay.host.memory.frames.saved).toBe(truth.pages_sharing + truth.ksm_zero_pages);
    expect({
      full_scans: scanner.fullScans,
      general_profit_bytes: scanner.profitBytes,
      pages_skipped: scanner.pagesSkipped,
    }).toEqual({ full_scans, general_profit_bytes, pages_skipped });
  });

  it("gets there as the kernel did, at every sample", () => {
    expect(run.samples.length).toBeGreaterThan(3);
    const { pages, fraction } = holdSamples(run);
    expect(pages).toBeLessThanOrEqual(PAGES_WHILE_READING);
    expect(fraction).toBeLessThan(0.05);
  });

  it("has merged all it can after two passes, and further passes change nothing", () => {
    const { host } = new Replay(run);
    for (let pass = 0; pass < 2; pass++) fullScan(host);
    const settled = kernelCounters(host);
    const { pages_shared, pages_sharing, ksm_zero_pages } = run.stages[0];
    expect(settled).toMatchObject({ pages_shared, pages_sharing, ksm_zero_pages });
    fullScan(host);
    expect(kernelCounters(host)).toMatchObject({ pages_shared, pages_sharing, ksm_zero_pages });
  });
});

/** Runs that scan without a break, or nearly so. A scanner that sleeps after every 100 pages finds its caches cold. */
const busy = unstaged.filter(({ settings }) => settings.pages_to_scan >= 1000);

it.each(busy)("takes about the CPU time on a server that the kernel took on $id, another machine", (run) => {
  const { profile } = loadMachine("machines/x86-64-server.yaml");
  const replay = new Replay(run);
  replay.scanTo(run.stages[0].pages_scanned);
  const { hashes, comparisons, remaps } = replay.host.scanner;
  const { "page.hash": hash, "page.compare": compare, "page.map": map } = profile.costs;
  const seconds = (hashes * hash + comparisons * compare + remaps * map) / profile.megahertz / 1e6;
  expect(seconds / run.ksmd_cpu_s[0]).toBeGreaterThan(0.75);
  expect(seconds / run.ksmd_cpu_s[0]).toBeLessThan(1.33);
});

describe.skipIf(!hasCollection).each(staged)("KSM on guests that go on, $id (needs the full collection)", (run) => {
  it("ends each stage with the kernel's counters and copy-on-write breaks, to the page", () => {
    const replay = new Replay(run);
    let scanned = 0;
    run.stages.forEach((truth, stage) => {
      if (stage > 0) {
        const { pages_rewritten, cow_faults } = truth;
        expect(replay.rewrite(stage)).toEqual({ pages_rewritten, cow_faults });
      }
      const [fullScans, skipped] = [replay.host.scanner.fullScans, replay.host.scanner.pagesSkipped];
      scanned += truth.pages_scanned;
      replay.scanTo(scanned);
      replay.finishBatch();
      const { scanner } = replay.host;
      expect({
        ...kernelCounters(replay.host),
        ...chains(replay.host),
        full_scans: scanner.fullScans - fullScans,
        general_profit_bytes: scanner.profitBytes,
        pages_skipped: scanner.pagesSkipped - skipped,
        pages_scanned: truth.pages_scanned,
        ...(stage > 0 && { pages_rewritten: truth.pages_rewritten, cow_faults: truth.cow_faults }),
      }).toEqual(truth);
    });
  });

  // Not to the page: a shared frame that everybody has left is found when a search comes by, and the kernel's come by others.
  it("gets there as the kernel did, within 0.5 % at every sample", () => {
    expect(run.samples.length).toBeGreaterThan(3);
    expect(holdSamples(run).fraction).toBeLessThan(0.005);
  });
});
