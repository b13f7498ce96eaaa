/** How long the work of the balloon measurement takes, its faults, the kernel and the disks. */
import type { BalancedReclaim } from "../../../guest/balanced-reclaim.ts";
import { DiskRequestKind } from "../../../guest/disk-requests.ts";
import type { GuestMemory } from "../../../guest/memory-manager.ts";
import type { StepTime } from "./fair-processor.ts";

/** Nanoseconds, which are instructions on the measured machine. */
export const Time = {
  /**
   * From the phases of the job with 384 MiB, where nothing is paged (docs/balloon-job). As long as both halves of it run, either has half of the
   * time: of 7.88 s of the benchmark 3.94, less its first faults, for 3 M touches; of 1.107 s of the second and third pass 0.553.
   */
  touch: 1292,
  readPage: 40_700,
  /** linux-6.1-instructions, anon_fault_4MB. */
  minorFault: 4140,
  /** By how much longer the first pass takes, for each page: of 1.272 s 0.636. */
  filePageIn: 6_100,
  /**
   * The rest is calibrated, all of it together: least squares of the logarithms of counters and times of the first guest at 128 and 160 MiB, booted and
   * ballooned (docs/balloon-job). This is for each page swapped in.
   */
  swapFault: 7_150,
  /** Reclaim, for a page looked at and for one written; one that is passed over is only put elsewhere in its list. */
  scan: 2_020,
  swapOut: 14_200,
  /**
   * The disks, for a request and for each page, in real time; they serve one request after the other. The measured guest waits
   * for them in real time, while its processor is emulated some twenty times slower (calibrated).
   */
  swapRequest: 60_800,
  swapPage: 12_500,
  fileRequest: 102_000,
  filePage: 354_000,
  realPerGuest: 18.8,
} as const;
export class PagingTime {
  readonly #memory: GuestMemory;
  readonly #reclaim: BalancedReclaim;
  /** What everything so far has cost, as of the last step. */
  #cpuSeen = 0;
  #faultsSeen = 0;
  /** Real times. */
  #swapFreeAt = 0;
  #filesFreeAt = 0;

  constructor(memory: GuestMemory, reclaim: BalancedReclaim) {
    this.#memory = memory;
    this.#reclaim = reclaim;
  }

  /** What reclaim has cost so far, by whomever. */
  get reclaimCost(): number {
    const { passedOver, scanned } = this.#reclaim;
    return (scanned - passedOver) * Time.scan + this.#memory.anonymous.swapOuts * Time.swapOut;
  }

  /** Time of what a thread has done since its last step, and `cpu` besides; `kswapd`: what kswapd has done so far. A thread that has had a major fault waits for the disk. */
  step(cpu: number, kswapd: number, now: number): StepTime {
    const { anonymous, cache } = this.#memory;
    const minor = anonymous.swapCacheFaults + anonymous.demandZeroFaults + cache.minorFaults;
    const spent =
      anonymous.majorFaults * Time.swapFault +
      cache.pageIns * Time.filePageIn +
      minor * Time.minorFault +
      this.reclaimCost -
      kswapd;
    const faults = anonymous.majorFaults + cache.majorFaults;
    const own = cpu + spent - this.#cpuSeen;
    const ends = this.#transfer(now + own * Time.realPerGuest);
    const readyAt = faults > this.#faultsSeen ? ends : 0;
    this.#cpuSeen = spent;
    this.#faultsSeen = faults;
    return { cpu: own, readyAt };
  }

  /** Both disks do one request after the other. Returns when the last read ends. */
  #transfer(now: number): number {
    const { requests } = this.#memory;
    let readEnds = 0;
    for (let i = 0; i < requests.length; i++) {
      const kind = requests.kind(i);
      const pages = requests.pages(i);
      const isSwap = kind === DiskRequestKind.SwapRead || kind === DiskRequestKind.SwapWrite;
      if (isSwap) this.#swapFreeAt = Math.max(this.#swapFreeAt, now) + Time.swapRequest + pages * Time.swapPage;
      else this.#filesFreeAt = Math.max(this.#filesFreeAt, now) + Time.fileRequest + pages * Time.filePage;
      if (kind === DiskRequestKind.SwapRead) readEnds = Math.max(readEnds, this.#swapFreeAt);
      if (kind === DiskRequestKind.FileRead) readEnds = Math.max(readEnds, this.#filesFreeAt);
    }
    requests.clear();
    return readEnds;
  }
}
