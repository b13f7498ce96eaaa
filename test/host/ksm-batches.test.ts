/**
 * Linux's KSM, batch by batch, against kernels that were stopped after each (docs/page-sharing): contents made up to be unlike
 * those of guests, and sets, orders and settings that are not in workloads/data/ksm-runs.json.
 */
import { describe, expect, it } from "vitest";
import { CHAINS_PRUNE_MS } from "../../src/vmm/memory/ksm-scanner.ts";
import { hasCollection, readJson } from "../inputs/data-files.ts";
import { type Change, changesOf, GONE, isCommitted, readChanges } from "../inputs/ksm-contents.ts";
import { chains, kernelCounters, type KsmHost, ksmHost } from "./ksm-host.ts";

interface Run {
  readonly id: string;
  readonly kernel: string;
  /** Contents that were made up, of so many VMs and stages. */
  readonly made?: string;
  readonly vms?: number;
  readonly stages?: number;
  /** Of each VM, one a stage. */
  readonly snapshots?: readonly (readonly string[])[];
  readonly settings: Readonly<Record<string, number>>;
  /** The scanner was not stopped; samples begin with the stage. */
  readonly alone?: true;
  /** Pages scanned at the end of each stage, where it was stopped, then. */
  readonly ends?: readonly number[];
  /** Of each stage. */
  readonly batches: readonly number[];
  /** See `columns` of the file. */
  readonly samples: readonly (readonly number[])[];
  /** Write faults of the second stage and those after it, by VM. */
  readonly faults: readonly (readonly number[])[];
}

const DATA = "validation/ksm-batches";
const { runs } = readJson<{ readonly runs: readonly Run[] }>(`${DATA}/runs.json`);

/**
 * Pages that a counter may be off. In `midway` pages were rewritten in the middle of a pass: the last ones are held by a CPU's
 * list of new pages then, and cannot be merged before the list is emptied, which is when a pass begins. In the others, frames of
 * one content are put in order when searches for another content come by, and by the clock, which went on while the kernel was
 * stopped: the model does the first only as long as there are frames to notice that nobody maps, and the second at other times
 * (docs/page-sharing).
 */
const OFF: Readonly<Record<string, number>> = {
  "churn.midway": 2,
  "giveback.zero-smart": 2,
  "D2.default": 256,
  "churn.8-first.6-1": 3,
};

class Replay {
  readonly host: KsmHost;
  readonly #changes: readonly Change[][];
  readonly #pagesToScan: number;

  constructor({ made, vms = 0, stages = 0, snapshots = [], settings, kernel }: Run) {
    this.#changes = made === undefined ? changesOf(snapshots) : readChanges(`${DATA}/${made}.gz`, vms, stages);
    this.#pagesToScan = settings.pages_to_scan;
    const sizes = this.#changes.map((ofVm) => ofVm.flatMap(({ pages }) => pages).reduce((a, b) => Math.max(a, b)) + 1);
    const room = sizes.reduce((a, b) => a + b);
    this.host = ksmHost(
      [],
      {
        maxPageSharing: settings.max_page_sharing,
        useZeroPages: settings.use_zero_pages === 1,
        smartScan: settings.smart_scan === 1,
        stableFirst: kernel === "6.1",
        chainsPruneMs: settings.stable_node_chains_prune_millisecs ?? CHAINS_PRUNE_MS,
      },
      room,
    );
    for (const size of sizes) this.host.memory.addVm(size);
  }

  /** Write what is different in a stage: copies that it took, by VM. */
  begin(stage: number): number[] {
    const { memory } = this.host;
    return this.#changes.map((ofVm, vm) => {
      const { pages, contents } = ofVm[stage];
      const before = memory.cowBreaks;
      pages.forEach((ppn, i) => {
        if (contents[i] === GONE) memory.discard(memory.vms[vm], ppn);
        else memory.write(memory.vms[vm], ppn, contents[i]);
      });
      return memory.cowBreaks - before;
    });
  }

  batch(): void {
    this.host.scanner.scan(this.#pagesToScan);
  }

  scanTo(pages: number): void {
    while (this.host.scanner.pagesScanned < pages) this.batch();
  }

  get counters(): number[] {
    const { scanner } = this.host;
    const { pages_shared, pages_sharing, pages_unshared, pages_volatile, ksm_zero_pages } = kernelCounters(this.host);
    const counts = [pages_shared, pages_sharing, pages_unshared, pages_volatile, ksm_zero_pages, scanner.pagesSkipped];
    return [scanner.pagesScanned, scanner.fullScans, ...counts];
  }
}

/** What a kernel has: 6.1 counts neither pages scanned nor pages of zeros, and skips none. */
function known({ kernel }: Run, counters: readonly number[]): readonly number[] {
  return kernel === "6.1" ? counters.slice(1, 6) : counters;
}

describe.each(runs.filter(({ alone }) => alone !== true))("KSM batch by batch, $id on Linux $kernel", (run) => {
  const isHere = run.made !== undefined || hasCollection || run.snapshots?.flat().every(isCommitted) === true;

  it.skipIf(!isHere)("has the kernel's counters after each batch that was noted, and its write faults", () => {
    const replay = new Replay(run);
    const faults: number[][] = [];
    let [batch, exact] = [0, 0];
    run.batches.forEach((batches, stage) => {
      const copies = replay.begin(stage);
      if (stage > 0) faults.push(copies);
      for (const end = batch + batches; batch < end; ) {
        replay.batch();
        batch++;
        const sample = run.samples.find(([at]) => at === batch)?.slice(1, -2);
        if (sample === undefined) continue;
        const [ours, theirs] = [known(run, replay.counters), known(run, sample)];
        const off = ours.map((count, i) => Math.abs(count - theirs[i]));
        expect(Math.max(...off), `batch ${batch}: ${ours.join()} instead of ${theirs.join()}`).toBeLessThanOrEqual(
          OFF[run.id] ?? 0,
        );
        if (off.every((pages) => pages === 0)) exact++;
      }
    });
    expect(batch).toBe(run.batches.reduce((a, b) => a + b));
    expect(exact).toBeGreaterThan(run.samples.length / 2);
    // Pages that were given back are new when they are written again: that is a fault, but no copy.
    if (run.made !== "giveback") expectFaults(faults, run);
    if (run.id === "degrees.64" || run.id === "A3.max16") {
      const [stable_node_chains, stable_node_dups] = run.samples[run.samples.length - 1].slice(-2);
      expect(chains(replay.host)).toEqual({ stable_node_chains, stable_node_dups });
    }
  });
});

function expectFaults(ours: readonly number[][], { id, faults }: Run): void {
  faults.flat().forEach((count, i) => {
    expect(Math.abs(ours.flat()[i] - count)).toBeLessThanOrEqual(OFF[id] ?? 0);
  });
}

describe.each(runs.filter(({ alone }) => alone === true))("KSM that is not stopped, $id", (run) => {
  it("gets there as the kernel did, to the page at every sample", () => {
    const replay = new Replay(run);
    let stage = 0;
    replay.begin(stage);
    for (const [at, position, , ...theirs] of run.samples) {
      for (; stage < at; replay.begin(++stage)) replay.scanTo(run.ends?.[stage] ?? 0);
      replay.scanTo(position);
      const { pages_shared, pages_sharing, pages_unshared } = kernelCounters(replay.host);
      expect([position, pages_shared, pages_sharing, pages_unshared]).toEqual([position, ...theirs.slice(0, 3)]);
    }
  });
});
