/**
 * The job of a measurement on a real guest: Debian 12 with Linux 6.1, booted with some memory or ballooned down to it, runs a
 * memory benchmark beside reading files and compiling. Here the same pages are touched in the same order, in a simulated
 * guest; what the compiler touches was recorded from a run of the same compiler.
 *
 * Times decide how the two halves of the job interleave, and so how much they push each other out. Those of the job itself follow from how long
 * its phases take where nothing is paged; those of swapping, reclaim and the disks are calibrated on guest times and on counters at 128 and
 * 160 MiB. Sizes are measured, or follow from the description; what is assumed says so.
 */
import { PAGES_PER_MIB } from "../../../machine/page.ts";
import { RandomStream } from "../../../core/random.ts";
import { BalancedReclaim } from "../../../guest/balanced-reclaim.ts";
import { GuestMemory } from "../../../guest/memory-manager.ts";
import { watermarks } from "../../../guest/watermarks.ts";
import { Zones } from "../../../guest/zones.ts";
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
import { FairProcessor, type StepTime } from "./fair-processor.ts";
import { JobPrograms, Mapper, type ProgramName, readJobPrograms } from "./job-programs.ts";
import { JobKernel, KernelPages } from "./job-kernel.ts";
import {
  atStart,
  COMPILER_AT,
  COMPILER_FILES_AT,
  DATA_AT,
  FILE_PAGES,
  type GuestSize,
  guestShape,
  HEADERS_AT,
  LOWER_ZONE,
  PROGRAMS_AT,
  pagesAtBoot,
  SHORT_AT,
  UPPER_RUNS,
} from "./measured-guest.ts";
import { countPaging, difference, type PagingCounters } from "./paging-counters.ts";
import { PagingTime, Time } from "./paging-time.ts";
import { PlainMemory } from "./plain-memory.ts";
import { Services } from "./services.ts";
import { ShortProcesses } from "./short-processes.ts";

export interface JobResult {
  readonly fileReading: PagingCounters;
  readonly rest: PagingCounters;
  readonly wholeJob: PagingCounters;
  readonly secondsReading: number;
  readonly seconds: number;
  /** When the job begins. */
  readonly freePages: number;
}

const BENCH_PAGES = 15_360;
const HOT_PAGES = BENCH_PAGES / 4;
const BENCH_TOUCHES = 3_000_000;
const PASSES = 3;

/**
 * read_ahead_kb is 128, and cat says that it reads in sequence, which doubles it (POSIX_FADV_SEQUENTIAL, mm/fadvise.c): so much of a file is read
 * at a time. Cat, which has waited for md5sum, is not interrupted by kswapd meanwhile (traced, docs/balloon-job).
 */
const READAHEAD_PAGES = 64;
/** virtio_balloon takes a MiB at a time. */
const BALLOON_BATCH = 256;

/** A thread lets others run after so much. */
const STEP = 20_000;

export function runBalloonJob(size: GuestSize, trace: CompilerTrace, seed: number): JobResult {
  return new BalloonJob(size, trace, seed).run();
}

class BalloonJob {
  readonly #memory: GuestMemory;
  readonly #reclaim: BalancedReclaim;
  readonly #time: PagingTime;
  readonly #kernel: JobKernel;
  readonly #trace: CompilerTrace;
  /** Of each of the compiler's file pages: where its file begins and ends, and the page itself, in the file set. */
  readonly #files: CompilerFiles;
  readonly #random: RandomStream;
  readonly #services: Services;
  readonly #programs: JobPrograms;
  readonly #processes: ShortProcesses;
  readonly #processor: FairProcessor;
  #atStart: PagingCounters;
  #afterReading: PagingCounters;
  #readingEnded = 0;
  readonly #freePages: number;

  constructor(size: GuestSize, trace: CompilerTrace, seed: number) {
    this.#files = new CompilerFiles(trace, COMPILER_FILES_AT);
    const guest = atStart(size);
    const shape = guestShape(size.bootedMib, guest, this.#files.end);
    this.#memory = new GuestMemory(shape, new PlainMemory(shape.memoryPages), new ContentIds(), "linux-6.1");
    this.#memory.boot(shape, new Uint32Array(shape.memoryPages));
    const reclaim = this.#memory.pages.replacement;
    if (!(reclaim instanceof BalancedReclaim)) throw new Error("the guest was booted with Linux 6.1");
    this.#reclaim = reclaim;
    this.#kernel = new JobKernel(this.#memory.pages);
    this.#time = new PagingTime(this.#memory, reclaim);
    const { kswapd } = this.#memory.pages;
    this.#processor = new FairProcessor(kswapd, () => this.#time.reclaimCost, Time.realPerGuest);
    this.#trace = trace;
    this.#random = new RandomStream(seed, "balloon-job");
    this.#services = new Services(this.#memory, guest, size.balloonedToMib === size.bootedMib);
    this.#processes = new ShortProcesses(this.#memory.anonymous);
    const places = { shellAt: this.#services.filesAt[1], othersAt: PROGRAMS_AT };
    this.#programs = new JobPrograms(this.#memory.cache, readJobPrograms(), this.#files, places);
    const { pages } = this.#memory;
    const managed = pagesAtBoot(size.bootedMib);
    pages.marks = watermarks("linux-6.1", managed);
    const upper = { ...UPPER_RUNS, free: pages.freePages - LOWER_ZONE.free };
    pages.zones = new Zones(shape.memoryPages, managed, pages.marks, LOWER_ZONE, upper);
    this.#services.start();
    const balloon = (size.bootedMib - size.balloonedToMib) * PAGES_PER_MIB;
    while (this.#memory.balloon.poll(balloon, BALLOON_BATCH) > 0) pages.runKswapd();
    if (this.#memory.balloon.size < balloon) {
      throw new Error(
        `the balloon has ${this.#memory.balloon.size} pages, and the guest cannot free the rest of ${balloon}`,
      );
    }
    // What has been read so far was read before.
    this.#memory.requests.clear();
    this.#freePages = pages.freePages;
    this.#atStart = countPaging(this.#memory, this.#reclaim);
    this.#afterReading = this.#atStart;
    this.#step();
  }

  run(): JobResult {
    this.#memory.pages.kswapd.turns = this.#processor;
    const end = this.#processor.run([this.#benchmark(), this.#readAndCompile()]);
    const [start, middle, last] = [this.#atStart, this.#afterReading, countPaging(this.#memory, this.#reclaim)];
    return {
      fileReading: difference(middle, start),
      rest: difference(last, middle),
      wholeJob: difference(last, start),
      secondsReading: this.#readingEnded / 1e9,
      seconds: end / 1e9,
      freePages: this.#freePages,
    };
  }

  *#benchmark(): Generator<StepTime> {
    const { anonymous } = this.#memory;
    const kernel = this.#kernel.take(KernelPages.Benchmark);
    yield* this.#steps(this.#programs.begin("membench"), 0);
    for (let page = 0; page < BENCH_PAGES; page++) {
      anonymous.write(page, 1);
      yield this.#step();
    }
    for (let touch = 1, since = 0; touch <= BENCH_TOUCHES; touch++) {
      const hot = this.#random.unit() < 0.8;
      const page = hot ? this.#random.below(HOT_PAGES) : HOT_PAGES + this.#random.below(BENCH_PAGES - HOT_PAGES);
      if (this.#random.unit() < 0.3) anonymous.write(page, 1);
      else anonymous.read(page);
      since += Time.touch;
      if (since < STEP && !this.#isInterrupted) continue;
      yield this.#step(since);
      since = 0;
    }
    anonymous.discardRange(0, BENCH_PAGES);
    yield* this.#steps(this.#programs.end("membench"), 0);
    this.#kernel.give(kernel);
  }

  *#readAndCompile(): Generator<StepTime> {
    for (let pass = 0; pass < PASSES; pass++) yield* this.#readFiles(pass === 0);
    this.#afterReading = countPaging(this.#memory, this.#reclaim);
    this.#readingEnded = this.#processor.guestTime;
    for (const compile of COMPILATIONS) yield* this.#compile(compile);
  }

  /**
   * One cat reads all files of a pass: beside the 15,360 first touches of the benchmark, the real guest counts 2,824 page faults in
   * three passes, and each pipeline takes some 300. Left out: md5sum begins and ends beside cat, here before and after it.
   */
  *#readFiles(first: boolean): Generator<StepTime> {
    const { cache, pages, requests } = this.#memory;
    let objects = 0;
    const kernel = this.#kernel.take(KernelPages.Reader);
    yield* this.#start("md5sum");
    yield* this.#start("cat");
    this.#processes.startReaders();
    yield this.#step();
    for (let page = 0; page < FILE_PAGES; page += READAHEAD_PAGES) {
      const end = Math.min(page + READAHEAD_PAGES, FILE_PAGES);
      pages.isPreemptible = false;
      for (let next = page; next < end; next++) cache.read(DATA_AT + next);
      this.#processes.fillBuffers();
      const wanted = first ? Math.ceil((KernelPages.Files * page) / FILE_PAGES) : 0;
      this.#kernel.keepObjects(wanted - objects);
      objects = wanted;
      pages.isPreemptible = true;
      // Nobody waits for it; what has been swapped out for it is written.
      requests.dropReads();
      for (let next = page; next < end; next++) yield this.#step(Time.readPage);
    }
    yield* this.#steps(this.#processes.useReaders(), 0);
    yield* this.#steps(this.#programs.end("cat"), 0);
    yield* this.#steps(this.#programs.end("md5sum"), 0);
    this.#processes.endReaders();
    this.#kernel.give(kernel);
    yield* this.#steps(this.#processes.useShell(), 0);
  }

  /** The shell starts a program, which uses each of its pages for so long. */
  *#start(name: ProgramName, each = 0): Generator<StepTime> {
    yield* this.#steps(this.#processes.useShell(), 0);
    yield* this.#steps(this.#programs.begin(name), each);
  }

  /** A thread uses a page after the other, each for so long. */
  *#steps(uses: Generator<void>, each: number): Generator<StepTime> {
    let since = 0;
    for (const _ of uses) {
      since += each;
      if (since < STEP && !this.#isInterrupted) continue;
      yield this.#step(since);
      since = 0;
    }
    yield this.#step(since);
  }

  /** gcc runs cc1, which reads headers, and then as. */
  *#compile(compile: Compilation): Generator<StepTime> {
    const { anonymous, cache } = this.#memory;
    const kernel = this.#kernel.take(KernelPages.Compiler - KernelPages.CompilerNodes);
    if (compile === COMPILATIONS[0]) this.#kernel.keepObjects(KernelPages.CompilerNodes);
    const each = compile.others / (this.#programs.pagesOf("gcc") + this.#programs.pagesOf("as"));
    yield* this.#start("gcc", each);
    this.#processes.startGcc();
    yield this.#step();
    for (let page = HEADERS_AT; page < COMPILER_FILES_AT; page++) {
      cache.read(page);
      if (page % 8 === 7) yield this.#step();
    }
    yield* this.#runCompiler(compile);
    anonymous.discardRange(COMPILER_AT, SHORT_AT - COMPILER_AT);
    cache.unmap(COMPILER_FILES_AT, this.#files.end, Mapper.cc1);
    for (const { from, to } of this.#files.shared.values()) cache.unmap(from, to, Mapper.cc1);
    yield* this.#steps(this.#programs.begin("as"), each);
    this.#processes.startAssembler();
    yield this.#step();
    yield* this.#steps(this.#programs.end("as"), 0);
    yield* this.#steps(this.#programs.end("gcc"), 0);
    this.#processes.endGccAndAssembler();
    this.#kernel.give(kernel);
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
        if (since < STEP && !this.#isInterrupted && at + 1 < end) continue;
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
      cache.visit(at[page], from[page], to[page], kind === PageKind.Text, Mapper.cc1);
    }
  }

  /** A thread waits for the disk, or kswapd is to run when its fault is done. */
  get #isInterrupted(): boolean {
    return this.#memory.requests.length > 0 || this.#processor.isInterrupted;
  }

  /** What has been done since the last step, and `cpu` besides. */
  #step(cpu = 0): StepTime {
    this.#services.pass(this.#processor.guestTime);
    this.#memory.pages.runKswapd();
    return this.#time.step(cpu, this.#processor.kswapdCost, this.#processor.realTime);
  }
}
