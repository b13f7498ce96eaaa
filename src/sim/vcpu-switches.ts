/**
 * What it takes to put the vCPU of another VM on a pCPU: the VMM's part of it, and the lines of the second-level cache that
 * others have displaced meanwhile.
 *
 * The cache of a pCPU holds the lines used last, whoever used them. A VM that comes back finds as many of its lines as fit
 * in beside those that others have used since (their stack distance, Mattson 1970, section 4), and has to fetch the rest of
 * what it works on. It is taken to fetch one line in the time that a line takes to come, until all are back: who runs for a
 * moment only neither fetches nor displaces much.
 */
import { cause } from "../core/ledger.ts";
import { PAGE_BYTES } from "../machine/page.ts";
import { type MachineProfile, primitiveCost } from "../machine/profile.ts";
import type { Vcpu } from "./vcpu.ts";

const SWITCH = cause("vmm.vcpu-switch");
const LINE_FILL = cause("hardware.cache-line-fill");

/** Of the first VM to run on a pCPU: all that it works on, which shows only when its first process has run. */
const ALL = Infinity;

/** The cache of one pCPU. */
interface CpuCache {
  /** The vCPU that ran here last; undefined: none has. */
  latest: Vcpu | undefined;
  /** By vCPU: those that ran here last before it, and next after it. */
  readonly earlier: (Vcpu | undefined)[];
  readonly later: (Vcpu | undefined)[];
  /** By vCPU: lines that it has brought back or found since it came; of the first one to run, all that there can be. */
  readonly lines: number[];
}

export class VcpuSwitches {
  readonly #switchCycles: number;
  readonly #capacity: number;
  readonly #linesPerPage: number;
  readonly #lineFill: number;
  readonly #caches: readonly CpuCache[];

  /** `switchCycles`: the VMM's part. On a machine whose profile has no cache, memory is as fast as its costs say. */
  constructor(profile: MachineProfile, switchCycles: number) {
    const { cache, cores } = profile;
    this.#switchCycles = switchCycles;
    this.#capacity = cache === undefined ? 0 : cache.bytes / cache.lineBytes;
    this.#linesPerPage = cache === undefined ? 0 : PAGE_BYTES / cache.lineBytes;
    this.#lineFill = cache === undefined ? 0 : primitiveCost(profile, "hardware.cache-line-fill");
    this.#caches = Array.from({ length: cores }, () => ({
      latest: undefined,
      earlier: [],
      later: [],
      lines: [],
    }));
  }

  /** A vCPU has been put on its pCPU. */
  switchTo(vcpu: Vcpu): void {
    // Whether there are any, not how many: to count them takes the guest's own tables, which nobody needs without a cache.
    if (!("workingPages" in vcpu.work)) return;
    const cache = this.#caches[vcpu.cpu];
    const { lines } = cache;
    if (cache.latest === vcpu) return;
    if (cache.latest !== undefined && this.#switchCycles > 0) vcpu.pending.add(SWITCH, this.#switchCycles);
    // Without a cache it does not matter who else has run.
    if (this.#capacity === 0) {
      cache.latest = vcpu;
      return;
    }
    // The host has been up before: the first one to run finds what it left.
    lines[vcpu.index] = cache.latest === undefined ? ALL : this.#left(vcpu);
    putFirst(cache, vcpu);
    if (vcpu.owed > 0) this.refill(vcpu);
  }

  /** A vCPU owes more work: lines that it misses come meanwhile. */
  refill(vcpu: Vcpu): void {
    if (this.#capacity === 0) return;
    const { workingPages } = vcpu.work;
    if (workingPages === undefined || workingPages === 0) return;
    const { lines } = this.#caches[vcpu.cpu];
    const most = this.#most(workingPages);
    if (lines[vcpu.index] === ALL) lines[vcpu.index] = most;
    const missing = most - lines[vcpu.index];
    if (missing <= 0) return;
    const fetched = Math.min(missing, Math.floor(vcpu.owed / this.#lineFill));
    if (fetched === 0) return;
    lines[vcpu.index] += fetched;
    vcpu.pending.add(LINE_FILL, fetched * this.#lineFill, fetched);
  }

  /** Lines that so many pages have in the cache at most. */
  #most(workingPages: number): number {
    return Math.min(this.#capacity, workingPages * this.#linesPerPage);
  }

  /** Lines of a VM that are still there. */
  #left(vcpu: Vcpu): number {
    const { latest, earlier, lines } = this.#caches[vcpu.cpu];
    let others = 0;
    for (let other = latest; other !== undefined; other = earlier[other.index]) {
      const own = lines[other.index] === ALL ? this.#most(other.work.workingPages ?? 0) : lines[other.index];
      if (other === vcpu) return Math.min(own, this.#capacity - others);
      others += own;
      if (others >= this.#capacity) return 0;
    }
    return 0;
  }
}

/** The vCPU runs: from wherever it is in the order, or from nowhere. */
function putFirst(cache: CpuCache, vcpu: Vcpu): void {
  const { latest, earlier, later } = cache;
  const [before, after] = [earlier[vcpu.index], later[vcpu.index]];
  if (after !== undefined) earlier[after.index] = before;
  if (before !== undefined) later[before.index] = after;
  earlier[vcpu.index] = latest;
  later[vcpu.index] = undefined;
  if (latest !== undefined) later[latest.index] = vcpu;
  cache.latest = vcpu;
}
