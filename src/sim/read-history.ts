/**
 * What the anticipatory I/O scheduler of Linux 2.6 knows of processes by their reads: how long they take between the end of one and the
 * next, in ticks, and how far it is from one to the next, in sectors. Means decay by an eighth with each read, in fixed point with eight
 * bits of fraction (block/as-iosched.c, 2.6.16: as_update_thinktime, as_update_seekdist).
 */

const ONE = 256;
/** Reads of a process counted as distances without much of a limit, and what is the most that one adds to four times the mean then, and later. */
const FIRST_READS = 60;
const FIRST_EXCESS = 2 * 1024 * 1024;
const EXCESS = 2 * 1024 * 64;

/** Weight seven eighths for what was, one for `value`. */
function decayed(total: number, value: number): number {
  return Math.floor((7 * total + ONE * value) / 8);
}

/** What the first intervals of processes have been, for one of which nothing is known yet. */
export class FirstReads {
  thinkTime = 0;
  distance = 0;
  #thinkTimes = 0;
  #distances = 0;

  thought(ticks: number): void {
    this.#thinkTimes = decayed(this.#thinkTimes, ticks);
    this.thinkTime = Math.floor(this.#thinkTimes / ONE);
  }

  moved(sectors: number): void {
    this.#distances = decayed(this.#distances, sectors);
    this.distance = Math.floor(this.#distances / ONE);
  }
}

/** One process, which is whoever submits the requests of a guest. */
export class ReadHistory {
  /** Requests of it that wait. */
  waiting = 0;
  readonly #first: FirstReads;
  readonly #longestThinkTime: number;
  #started = false;
  /** When the last read was done; -1: none is. */
  #doneAt = -1;
  #end = 0;
  #thinkSamples = 0;
  #thinkTotal = 0;
  #thinkMean = 0;
  #seekSamples = 0;
  #seekTotal = 0;
  #seekMean = 0;

  /** `longestThinkTime`: more is counted as that, ticks. */
  constructor(first: FirstReads, longestThinkTime: number) {
    this.#first = first;
    this.#longestThinkTime = longestThinkTime;
  }

  /** Ticks between the end of a read and the next one. */
  get thinkTime(): number {
    return this.#thinkSamples === 0 ? this.#first.thinkTime : this.#thinkMean;
  }

  /** Sectors from the end of a read to the next one. */
  get distance(): number {
    return this.#seekSamples === 0 ? this.#first.distance : this.#seekMean;
  }

  /** It reads on `tick`. Called before that read is counted as waiting. */
  reads(tick: number, sector: number, sectors: number): void {
    if (this.#started) {
      const waited = this.#doneAt >= 0 && this.waiting === 0;
      this.#think(waited ? Math.min(tick - this.#doneAt, this.#longestThinkTime) : 0);
      this.#seek(Math.abs(sector - this.#end));
    }
    this.#started = true;
    this.#end = sector + sectors;
  }

  readDone(tick: number): void {
    this.#doneAt = tick;
  }

  #think(ticks: number): void {
    if (this.#thinkSamples === 0) this.#first.thought(ticks);
    this.#thinkSamples = decayed(this.#thinkSamples, 1);
    this.#thinkTotal = decayed(this.#thinkTotal, ticks);
    this.#thinkMean = Math.floor((this.#thinkTotal + ONE / 2) / this.#thinkSamples);
  }

  #seek(distance: number): void {
    if (this.#seekSamples === 0) this.#first.moved(distance);
    const excess = this.#seekSamples <= FIRST_READS ? FIRST_EXCESS : EXCESS;
    this.#seekSamples = decayed(this.#seekSamples, 1);
    this.#seekTotal = decayed(this.#seekTotal, Math.min(distance, 4 * this.#seekMean + excess));
    this.#seekMean = Math.floor((this.#seekTotal + Math.floor(this.#seekSamples / 2)) / this.#seekSamples);
  }
}
