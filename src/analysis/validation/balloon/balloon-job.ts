/**
 * The job of a measurement on a real guest: Debian 12 with Linux 6.1, booted with some memory or ballooned down to it, runs a
 * memory benchmark beside reading files and compiling. Here the same pages are touched in the same order, in a simulated
 * guest; what the compiler touches was recorded from a run of the same compiler.
 *
 * Times decide how the two halves of the job interleave, and so how much they push each other out. They are calibrated on the
 * measurement: those of the processor on its guest times, those of the disks on its guest times and on its counters at 128 and
 * 160 MiB. Sizes are measured, or follow from the description; what is assumed says so.
 */
import { RandomStream } from "../../../core/random.ts";
import { BalancedReclaim } from "../../../guest/balanced-reclaim.ts";
import { PageUse } from "../../../guest/guest-pages.ts";
import { GuestMemory } from "../../../guest/memory-manager.ts";
import { ContentIds } from "../../../machine/content-ids.ts";
import {
  COMPILATIONS,
  type Compilation,
  CompilerFiles,
  type CompilerTrace,
  KIND_SHIFT,
  PAGE_MASK,
  PageKind,
} from "./compiler-trace.ts";
import { type Clocks, runFairly, type StepTime } from "./fair-processor.ts";
import {
  PAGES_PER_MIB,
  SERVICES,
  STARTING_KERNEL_PAGES,
  COMPILER_AT,
  SHORT_AT,
  ANONYMOUS_PAGES,
  STARTING_AT,
  FILE_PAGES,
  DATA_AT,
  TOOLS_AT,
  COMPILER_FILES_AT,
  guestShape,
  type GuestSize,
  type MeasuredGuest,
} from "./measured-guest.ts";
import { countPaging, difference, type PagingCounters } from "./paging-counters.ts";
import { PagingTime, Time } from "./paging-time.ts";
import { PlainMemory } from "./plain-memory.ts";

export interface JobResult {
  readonly fileReading: PagingCounters;
  readonly rest: PagingCounters;
  readonly wholeJob: PagingCounters;
  readonly secondsReading: number;
  readonly seconds: number;
}

const BENCH_PAGES = 15_360;
const HOT_PAGES = BENCH_PAGES / 4;
const BENCH_TOUCHES = 3_000_000;
const PASSES = 3;

/** Pages that bash 5.2 writes again after it has forked a pipeline: its minor faults for each of twenty (docs/balloon-job). */
const SHELL_PAGES = 37;
/** Anonymous pages of short processes: cat | md5sum; gcc with as and ld. */
const READER_PAGES = 60;
const TOOL_PRIVATE_PAGES = 400;
/** Mapped pages of files that starting a process uses: shell, C library. */
const START_FILES = 300;
/** Page tables, stacks and other kernel memory of the processes: a table for 512 pages, and some 20 pages each. */
const BENCH_KERNEL_PAGES = 50;
const COMPILER_KERNEL_PAGES = 100;

/** A step through all of them that jumps: it has no divisor in common with their number. */
const SCATTER = 323;
/** Assumed: every second each service wakes up and uses four of its pages. */
const WAKE_NS = 1e9;
const WAKE_PAGES = 4;

/** A thread lets others run after so much. */
const STEP = 20_000;

export function runBalloonJob(size: GuestSize, trace: CompilerTrace, seed: number): JobResult {
  return new BalloonJob(size, trace, seed).run();
}

class BalloonJob {
  readonly #memory: GuestMemory;
  readonly #reclaim: BalancedReclaim;
  readonly #time: PagingTime;
  readonly #trace: CompilerTrace;
  /** Of each of the compiler's file pages: where its file begins and ends, and the page itself, in the file set. */
  readonly #files: CompilerFiles;
  readonly #random: RandomStream;
  readonly #guest: MeasuredGuest;
  readonly #starts: boolean;
  #startingKernel: readonly number[] = [];
  #nextWake = WAKE_NS;
  #now: Clocks = { guest: 0, real: 0 };
  #atStart: PagingCounters;
  #afterReading: PagingCounters;
  #readingEnded = 0;

  constructor(size: GuestSize, trace: CompilerTrace, seed: number) {
    this.#files = new CompilerFiles(trace, COMPILER_FILES_AT);
    const shape = guestShape(size, this.#files.end);
    this.#memory = new GuestMemory(shape, new PlainMemory(shape.memoryPages), new ContentIds(), 0, "linux-6.1");
    this.#memory.boot(shape, new Uint32Array(shape.memoryPages));
    const reclaim = this.#memory.pages.replacement;
    if (!(reclaim instanceof BalancedReclaim)) throw new Error("the guest was booted with Linux 6.1");
    this.#reclaim = reclaim;
    this.#time = new PagingTime(this.#memory, reclaim);
    this.#trace = trace;
    this.#random = new RandomStream(seed, "balloon-job");
    this.#guest = size.guest;
    this.#starts = size.balloonedToMib === size.bootedMib;
    this.#startServices();
    const balloon = (size.bootedMib - size.balloonedToMib) * PAGES_PER_MIB;
    this.#memory.balloon.poll(balloon, balloon);
    this.#atStart = countPaging(this.#memory, this.#reclaim);
    this.#afterReading = this.#atStart;
    this.#step();
  }

  run(): JobResult {
    const end = runFairly([this.#benchmark(), this.#readAndCompile()], Time.realPerGuest, (now) => {
      this.#now = now;
    });
    const [start, middle, last] = [this.#atStart, this.#afterReading, countPaging(this.#memory, this.#reclaim)];
    return {
      fileReading: difference(middle, start),
      rest: difference(last, middle),
      wholeJob: difference(last, start),
      secondsReading: this.#readingEnded / 1e9,
      seconds: end / 1e9,
    };
  }

  #startServices(): void {
    const { anonymous, cache, pages } = this.#memory;
    const { servicePages, cachedPages, startingPages } = this.#guest;
    let first = 0;
    for (let service = 1; service <= SERVICES; service++) {
      pages.group = service;
      for (let page = 0; page < servicePages[service - 1]; page++) anonymous.write(service * ANONYMOUS_PAGES + page, 1);
      const end = first + cachedPages[service - 1];
      for (let page = first; page < end; page++) cache.visit(page, first, end, page % 2 === 0);
      first = end;
    }
    if (this.#starts) {
      for (let page = 0; page < startingPages; page++) anonymous.write(STARTING_AT + page, 1);
      this.#startingKernel = this.#takeKernel(STARTING_KERNEL_PAGES);
    }
    pages.group = 0;
  }

  /** They use what they have, in no order, and end: as seen, when the files have been read (docs/balloon-job). */
  #endStarting(): void {
    if (!this.#starts) return;
    const { startingPages } = this.#guest;
    for (let page = 0; page < startingPages; page++) {
      const any = (page * SCATTER) % startingPages;
      this.#memory.anonymous.read(STARTING_AT + any);
    }
    this.#discard(STARTING_AT, startingPages);
    this.#giveKernel(this.#startingKernel);
  }

  #wakeServices(): void {
    this.#nextWake += WAKE_NS;
    for (let service = 1; service <= SERVICES; service++) {
      for (let i = 0; i < WAKE_PAGES; i++) {
        this.#memory.anonymous.read(
          service * ANONYMOUS_PAGES + this.#random.below(this.#guest.servicePages[service - 1]),
        );
      }
    }
  }

  *#benchmark(): Generator<StepTime> {
    const { anonymous } = this.#memory;
    const kernel = this.#takeKernel(BENCH_KERNEL_PAGES);
    for (let page = 0; page < BENCH_PAGES; page++) {
      anonymous.write(page, 1);
      if (page % 8 === 7) yield this.#step();
    }
    for (let touch = 1, since = 0; touch <= BENCH_TOUCHES; touch++) {
      const hot = this.#random.unit() < 0.8;
      const page = hot ? this.#random.below(HOT_PAGES) : HOT_PAGES + this.#random.below(BENCH_PAGES - HOT_PAGES);
      const { majorFaults } = anonymous;
      if (this.#random.unit() < 0.3) anonymous.write(page, 1);
      else anonymous.read(page);
      since += Time.touch;
      if (since < STEP && anonymous.majorFaults === majorFaults) continue;
      yield this.#step(since);
      since = 0;
    }
    this.#discard(0, BENCH_PAGES);
    this.#giveKernel(kernel);
  }

  *#readAndCompile(): Generator<StepTime> {
    for (let pass = 0; pass < PASSES; pass++) yield* this.#readFiles();
    this.#endStarting();
    this.#afterReading = countPaging(this.#memory, this.#reclaim);
    this.#readingEnded = this.#now.guest;
    for (const compile of COMPILATIONS) yield* this.#compile(compile);
  }

  /**
   * One cat reads all files of a pass: beside the 15,360 first touches of the benchmark, the real guest counts 2,824 page faults in
   * three passes, and each pipeline takes some 300.
   */
  *#readFiles(): Generator<StepTime> {
    const { cache, requests } = this.#memory;
    yield* this.#startProcess(READER_PAGES);
    for (let page = 0; page < FILE_PAGES; page++) {
      cache.read(DATA_AT + page);
      // Read ahead: nobody waits for it.
      requests.clear();
      yield this.#step(Time.readPage);
    }
    this.#discard(SHORT_AT + SHELL_PAGES, READER_PAGES);
  }

  *#startProcess(pages: number): Generator<StepTime> {
    const { anonymous, cache } = this.#memory;
    for (let page = 0; page < SHELL_PAGES; page++) anonymous.write(SHORT_AT + page, 1);
    for (let page = 0; page < START_FILES; page++) cache.visit(page, 0, this.#guest.cachedPages[0], page % 2 === 0);
    yield this.#step();
    for (let page = 0; page < pages; page++) anonymous.write(SHORT_AT + SHELL_PAGES + page, 1);
    yield this.#step();
  }

  *#compile(compile: Compilation): Generator<StepTime> {
    const { cache } = this.#memory;
    const kernel = this.#takeKernel(COMPILER_KERNEL_PAGES);
    yield* this.#startProcess(TOOL_PRIVATE_PAGES / 4);
    for (let page = TOOLS_AT; page < COMPILER_FILES_AT; page++) {
      cache.visit(page, TOOLS_AT, COMPILER_FILES_AT, true);
      if (page % 8 === 7) yield this.#step();
    }
    yield* this.#runCompiler(compile);
    this.#discard(COMPILER_AT, SHORT_AT - COMPILER_AT);
    yield* this.#startProcess(TOOL_PRIVATE_PAGES);
    this.#discard(SHORT_AT + SHELL_PAGES, TOOL_PRIVATE_PAGES);
    cache.unmap(TOOLS_AT, this.#files.end);
    this.#giveKernel(kernel);
    yield this.#step();
  }

  *#runCompiler({ instructions, privatePages }: Compilation): Generator<StepTime> {
    const { windows: words, windowInstructions } = this.#trace;
    for (let at = 0; at < words.length; ) {
      const end = at + 1 + words[at];
      const each = (instructions * windowInstructions) / words[at];
      let since = 0;
      for (at++; at < end; at++) {
        this.#touchAsCompiler(words[at], privatePages);
        since += each;
        if (since < STEP && !this.#mustWait && at + 1 < end) continue;
        yield this.#step(since);
        since = 0;
      }
    }
  }

  #touchAsCompiler(word: number, privatePages: number): void {
    const { anonymous, cache } = this.#memory;
    const kind = word >>> KIND_SHIFT;
    const page = word & PAGE_MASK;
    const own = COMPILER_AT + Math.floor(page * privatePages);
    if (kind === PageKind.PrivateWrite) anonymous.write(own, 1);
    else if (kind === PageKind.PrivateRead) anonymous.read(own);
    else {
      const { at, from, to } = this.#files;
      cache.visit(at[page], from[page], to[page], kind === PageKind.Text);
    }
  }

  /** Pages of the kernel that come and go with processes. */
  #takeKernel(pages: number): readonly number[] {
    return Array.from({ length: pages }, () => this.#memory.pages.allocate(PageUse.Kernel, 0));
  }

  #giveKernel(pages: readonly number[]): void {
    for (const ppn of pages) this.#memory.pages.release(ppn);
  }

  #discard(first: number, pages: number): void {
    for (let page = first; page < first + pages; page++) this.#memory.anonymous.discard(page);
  }

  get #mustWait(): boolean {
    return this.#memory.requests.length > 0;
  }

  /** What has been done since the last step, and `cpu` besides. */
  #step(cpu = 0): StepTime {
    if (this.#now.guest >= this.#nextWake) this.#wakeServices();
    return this.#time.step(cpu, this.#now.real);
  }
}
