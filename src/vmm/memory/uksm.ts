/**
 * UKSM (Xia et al. 2018): page sharing that looks most where most is found ({@link ScanLadder}), takes a hash of a part of a page
 * only, and merges a page at its first visit if an equal one has been seen. How fast it scans follows from the CPU time that
 * it may take and from what pages have cost.
 *
 * How much of a page is hashed is a parameter: the kernel tries out what is best, by what collisions cost it, but contents are
 * known here by fingerprints of whole pages, which say nothing of parts.
 *
 * What a page costs is what of memory is read for it: the words that are hashed lie anywhere in the page (random_sample_hash,
 * mm/uksm.c of the patch), so that a sixteenth of them is two thirds of its lines, and its hash is looked for in two trees of hashes
 * (stable_tree_search and unstable_tree_search_insert), of which the second is kept from round to round.
 */
import { cause } from "../../core/ledger.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { PageSharer } from "../host-memory/memory-roles.ts";
import type { VmMemory } from "../host-memory/vm-memory.ts";
import { EqualFrames } from "./equal-frames.ts";
import { comparisonsIn } from "./ksm-scanner.ts";
import { type Region, type Rung, ScanLadder } from "./scan-ladder.ts";

const SCAN = cause("vmm.page-sharing.scan");
const COMPARE = cause("vmm.page-sharing.compare");

/** Words of 32 bits in a page. */
const WORDS = 1024;
/** Words in a line of the cache, of 64 bytes. */
const LINE_WORDS = 16;
/** Weight of the latest batch in what a page is taken to cost, and the cost before there was one (UKSM_PAGE_TIME_DEFAULT). */
const NEWEST = 0.2;
const FIRST_PAGE_US = 0.5;
/** A page that is not there takes some time, too: assumption. */
const LEAST_PAGE_US = 0.1;

/** CPU time in ten thousandths, negative: of the most; time to sample a rung, ms; most CPU time, percent (uksm_cpu_preset). */
const GOVERNORS = [
  { ratios: [20, 40, -2500, -10_000], coverMs: [1000, 500, 200, 50], maxCpuPercent: 95 },
  { ratios: [20, 30, -2500, -10_000], coverMs: [1000, 500, 400, 100], maxCpuPercent: 50 },
  { ratios: [10, 20, -5000, -10_000], coverMs: [1500, 1000, 1000, 250], maxCpuPercent: 20 },
  { ratios: [10, 20, 40, 75], coverMs: [2000, 1000, 1000, 1000], maxCpuPercent: 1 },
] as const;

export interface UksmParameters extends Record<string, number | boolean> {
  governor: number;
  sleepMs: number;
  hashWords: number;
  abundantPercent: number;
  thrashPercent: number;
  scannedBeforeStart: boolean;
}

function rungsOf(governor: number): readonly Rung[] {
  const { ratios, coverMs, maxCpuPercent } = GOVERNORS[governor];
  return ratios.map((ratio, i) => ({
    cpuPart: (ratio > 0 ? ratio : (-ratio * maxCpuPercent) / 100) / 10_000,
    coverMs: coverMs[i],
  }));
}

/**
 * Part of the lines of a page, of 0 to 1, in which at least one of so many different words lies, that are anywhere: the mean over all
 * choices of them.
 */
export function linesWithWords(words: number): number {
  let untouched = 1;
  for (let i = 0; i < LINE_WORDS; i++) untouched *= Math.max(0, WORDS - words - i) / (WORDS - i);
  return 1 - untouched;
}

class Uksm implements MemoryMechanism, PageSharer {
  readonly name = "uksm";
  readonly kind = "sharing";
  readonly scannedBeforeStart: boolean;
  readonly sharesOnDemand = false;
  readonly copiesForLast = true;
  readonly #memory: HostMemory;
  readonly #equal: EqualFrames;
  readonly #ladder: ScanLadder;
  readonly #rungs: readonly Rung[];
  readonly #sleepUs: number;
  readonly #megahertz: number;
  readonly #costs: Readonly<Record<"hash" | "node" | "compare" | "map", number>>;
  #pageUs = FIRST_PAGE_US;
  #batchUs = 0;

  constructor(parameters: UksmParameters, { memory, profile, random }: HostContext) {
    const { governor, sleepMs, hashWords, scannedBeforeStart } = parameters;
    this.#memory = memory;
    this.scannedBeforeStart = scannedBeforeStart;
    this.#equal = new EqualFrames(memory);
    this.#rungs = rungsOf(governor);
    this.#ladder = new ScanLadder(this.#rungs, parameters, random("uksm"));
    this.#sleepUs = 1000 * sleepMs;
    this.#megahertz = profile.megahertz;
    this.#costs = {
      hash: Math.round(primitiveCost(profile, "page.hash") * linesWithWords(hashWords)),
      // A line that has left the processor's own caches since the tree was last gone down there.
      node: primitiveCost(profile, "hardware.cache-line-transfer"),
      compare: primitiveCost(profile, "page.compare"),
      map: primitiveCost(profile, "page.map"),
    };
    memory.sharer = this;
    memory.frames.addOverhead(this.#equal.overheadPages);
  }

  get periodUs(): number {
    return this.#sleepUs + this.#batchUs;
  }

  /** Each rung that has regions gets its part of the CPU, reckoned from what pages have cost. */
  work(): void {
    this.#ladder.meet(this.#memory.vms);
    const before = this.#memory.pagesScanned;
    let cycles = 0;
    for (const [rung, { cpuPart }] of this.#rungs.entries()) {
      const pages = Math.max(1, Math.floor((this.#sleepUs * cpuPart) / (1 - cpuPart) / this.#pageUs));
      for (let left = pages; left > 0 && this.#ladder.on(rung).length > 0; left--) cycles += this.#scanOne(rung);
    }
    this.#batchUs = cycles / this.#megahertz;
    const scanned = this.#memory.pagesScanned - before;
    if (scanned > 0) this.#pageUs += NEWEST * (Math.max(LEAST_PAGE_US, this.#batchUs / scanned) - this.#pageUs);
  }

  reclaim(): number {
    return 0;
  }

  share(vm: VmMemory, ppn: number): boolean {
    return this.#equal.isPrivate(vm, ppn) && this.#equal.merge(vm, ppn);
  }

  forget(vm: VmMemory, ppn: number): void {
    this.#equal.forget(vm, ppn);
  }

  /** The next page of whose turn it is on a rung. Returns the cycles it took. */
  #scanOne(rung: number): number {
    const region = this.#ladder.current(rung);
    const cycles = this.#visit(region, region.order.next());
    if (this.#ladder.lookedAt(region, this.#pageUs)) this.#ladder.judge(region);
    return cycles;
  }

  #visit(region: Region, ppn: number): number {
    this.#memory.pagesScanned++;
    const { hash, node, compare, map } = this.#costs;
    if (!this.#equal.isPrivate(region.vm, ppn)) return 0;
    const { shared, waiting } = this.#equal;
    const merged = this.#equal.merge(region.vm, ppn);
    const partner = merged ? this.#equal.partner : undefined;
    // Whose equal is a shared frame is not looked for among single pages.
    const isJoining = merged && partner === undefined;
    const lookUp = hash + node * (comparisonsIn(shared) + (isJoining ? 0 : comparisonsIn(waiting)));
    this.#memory.payer.add(SCAN, lookUp);
    if (!merged) return lookUp;
    region.merged++;
    const other = partner && this.#ladder.regionOf(partner);
    if (other !== undefined && other !== region) other.merged++;
    // The other page of a pair has to be write-protected, too.
    const merging = compare + (partner === undefined ? map : 2 * map);
    this.#memory.payer.add(COMPARE, merging);
    return lookUp + merging;
  }
}

export const uksm = definePart<"memory", UksmParameters>({
  slot: "memory",
  stage: "sharing",
  name: "uksm",
  summary: "UKSM: page sharing that spends its CPU time on those VMs in which it finds most to merge.",
  role: "page sharing",
  parameters: {
    governor: {
      summary: "CPU time that it may take: 0 full (95 %), 1 medium (50 %), 2 low (20 %), 3 quiet (below 1 %)",
      default: 0,
      unit: "1",
      choices: [0, 1, 2, 3],
      source: "UKSM's kernel patch, uksm_cpu_preset",
      grade: "S",
    },
    sleepMs: {
      summary: "How long the scanner sleeps after each batch",
      default: 100,
      unit: "ms",
      min: 1,
      max: 1000,
      source: "UKSM's kernel patch, uksm_sleep_jiffies",
      grade: "S",
    },
    hashWords: {
      summary: "Words of 32 bits of a page that are hashed",
      default: 64,
      unit: "words",
      min: 1,
      max: 1024,
      source: "UKSM's kernel patch, hash_strength at the start; it adapts between 1 and 1034",
      grade: "S",
    },
    abundantPercent: {
      summary: "Pages merged, of those looked at, with which a VM is looked at more",
      default: 10,
      unit: "%",
      min: 0,
      max: 99,
      source: "UKSM's kernel patch, uksm_abundant_threshold",
      grade: "S",
    },
    thrashPercent: {
      summary: "Shared pages written to, of those merged, beyond which a VM is looked at less; 0: never",
      default: 50,
      unit: "%",
      min: 0,
      max: 99,
      source: "UKSM's kernel patch, uksm_thrash_threshold",
      grade: "S",
    },
    scannedBeforeStart: {
      summary: "Pages have been visited when the simulation starts: hosts are up for days, a run is short",
      default: true,
      source: "assumption: as for KSM",
      grade: "A",
    },
  },
  needs: ["page.hash", "page.compare", "page.map", "page.cow-break", "hardware.cache-line-transfer"],
  create: (parameters, context) => new Uksm(parameters, context),
});
