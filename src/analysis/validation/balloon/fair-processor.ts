/**
 * One processor for the threads of a job and for kswapd, shared as Linux's completely fair scheduler does it (6.1, kernel/sched/fair.c): at a tick the
 * thread gets it that has had least, and one that has slept is not owed more than half a period. In a traced guest kswapd's longest runs have it for 3.6
 * to 4 ms at a time, then others for 4 ms each (docs/balloon-job).
 */
import type { KswapdTurns } from "../../../guest/kswapd.ts";
import { LATENCY_US, MIN_GRANULARITY_US, TICK_US, WAKEUP_GRANULARITY_US } from "../../../vmm/scheduler/cfs.ts";

/** What a step of a thread took, in nanoseconds. */
export interface StepTime {
  /** Time of the processor. */
  readonly cpu: number;
  /** Real time at which what it waits for has come; not later than now: it does not wait. */
  readonly readyAt: number;
}

const NS_PER_US = 1000;
/** Each thread has its slice in it; a sleeper is owed half of it. */
const LATENCY = LATENCY_US * NS_PER_US;
const MOST_OWED = LATENCY / 2;
const LEAST_SLICE = MIN_GRANULARITY_US * NS_PER_US;
/** By how much more who has the processor must have had to be interrupted. */
const WAKEUP_GRANULARITY = WAKEUP_GRANULARITY_US * NS_PER_US;
/** So often the scheduler looks whether it is another thread's turn. */
const TICK = TICK_US * NS_PER_US;
/** HZ / 10, and one for the tick that has begun: after so many kswapd looks once more whether there are enough pages (kswapd_try_to_sleep). */
const LOOK_TICKS = 26;

/** Kswapd, as the processor sees it. */
export interface ReclaimThread {
  readonly isAwake: boolean;
  /** Goes on as long as it has the processor. */
  run(): void;
  /** It has slept for a while, and nobody has woken it. */
  lookAgain(): void;
}

interface Thread {
  /** Absent: it is kswapd. */
  readonly steps?: Iterator<StepTime>;
  had: number;
  /** What it had had when it got the processor. */
  hadBefore: number;
  readyAt: number;
  isQueued: boolean;
}

export class FairProcessor implements KswapdTurns {
  /** Time of the guest, which stands for instructions, and of the world in which its disks are. */
  #guest = 0;
  #real = 0;
  readonly #realPerGuest: number;
  readonly #kswapd: ReclaimThread;
  readonly #reclaimCost: () => number;
  readonly #kswapdThread = newThread();
  #threads: Thread[] = [];
  #current: Thread | undefined;
  /** What the thread that has had least has had, of those that have the processor or wait for it; it never falls (update_min_vruntime). */
  #least = 0;
  #nextTick = TICK;
  #lookAt = Infinity;
  #costBefore = 0;
  #kswapdCost = 0;

  /** `reclaimCost`: what all reclaim has cost so far. While the processor works, `realPerGuest` real nanoseconds pass for one of the guest; while it waits, they pass together. */
  constructor(kswapd: ReclaimThread, reclaimCost: () => number, realPerGuest: number) {
    this.#kswapd = kswapd;
    this.#reclaimCost = reclaimCost;
    this.#realPerGuest = realPerGuest;
  }

  get guestTime(): number {
    return this.#guest;
  }

  get realTime(): number {
    return this.#real;
  }

  /** What kswapd has done so far. */
  get kswapdCost(): number {
    return this.#kswapdCost;
  }

  /** Somebody has woken kswapd, and it is not yet decided whether it interrupts him. */
  get isInterrupted(): boolean {
    return this.#kswapd.isAwake && !this.#kswapdThread.isQueued;
  }

  /** Run threads to their end. Returns the guest's time of it. */
  run(jobs: readonly Iterator<StepTime>[]): number {
    this.#threads = [this.#kswapdThread, ...jobs.map(newThread)];
    while (this.#threads.length > 1) {
      this.#schedule();
      if (this.#current === undefined) this.#idle();
      else if (this.#current.steps === undefined) this.#kswapd.run();
      else this.#step(this.#current, this.#current.steps);
    }
    return this.#guest;
  }

  /** Whether kswapd, which has something to do, has the processor. */
  hasTurn(): boolean {
    this.#costBefore = this.#reclaimCost();
    this.#schedule();
    return this.#current === this.#kswapdThread;
  }

  /** Kswapd has done a part of what it has to do. */
  hasRun(): void {
    const cost = this.#reclaimCost() - this.#costBefore;
    this.#kswapdCost += cost;
    this.#pass(this.#kswapdThread, cost);
    if (!this.#kswapd.isAwake) this.#lookAt = (Math.floor(this.#guest / TICK) + LOOK_TICKS) * TICK;
  }

  #step(thread: Thread, steps: Iterator<StepTime>): void {
    const step = steps.next();
    if (step.done === true) {
      this.#threads = this.#threads.filter((other) => other !== thread);
      this.#current = undefined;
      return;
    }
    this.#pass(thread, step.value.cpu);
    thread.readyAt = step.value.readyAt;
  }

  #pass(thread: Thread, cpu: number): void {
    thread.had += cpu;
    let least = thread.had;
    for (const { isQueued, had } of this.#threads) if (isQueued) least = Math.min(least, had);
    this.#least = Math.max(this.#least, least);
    this.#guest += cpu;
    this.#real += cpu * this.#realPerGuest;
  }

  /** Everybody waits, for the disks or until there is something to do. */
  #idle(): void {
    let readyAt = Infinity;
    for (const thread of this.#threads) if (thread.steps !== undefined) readyAt = Math.min(readyAt, thread.readyAt);
    const [wait, look] = [readyAt - this.#real, this.#lookAt - this.#guest];
    // Set, not added to, so that what has been waited for is not missed by a rounding.
    this.#guest = look <= wait ? this.#lookAt : this.#guest + wait;
    this.#real = look <= wait ? this.#real + look : readyAt;
  }

  /** Decide who has the processor. */
  #schedule(): void {
    if (this.#guest >= this.#lookAt) {
      this.#lookAt = Infinity;
      this.#kswapd.lookAgain();
    }
    const isInterrupted = this.#queue();
    if (this.#current !== undefined && !isInterrupted && !this.#isOver(this.#current)) return;
    this.#current = this.#threads.filter(({ isQueued }) => isQueued).sort((a, b) => a.had - b.had)[0];
    if (this.#current !== undefined) this.#current.hadBefore = this.#current.had;
  }

  /** Threads that wait for something leave the queue, those for which it has come are put into it. Returns whether one of these interrupts who has the processor. */
  #queue(): boolean {
    let interrupts = false;
    for (const thread of this.#threads) {
      const isReady = thread.steps === undefined ? this.#kswapd.isAwake : thread.readyAt <= this.#real;
      if (isReady === thread.isQueued) continue;
      thread.isQueued = isReady;
      if (!isReady) {
        if (thread === this.#current) this.#current = undefined;
        continue;
      }
      thread.had = Math.max(thread.had, this.#least - MOST_OWED);
      if (thread === this.#kswapdThread) this.#lookAt = Infinity;
      if (this.#current !== undefined && this.#current.had - thread.had > WAKEUP_GRANULARITY) interrupts = true;
    }
    return interrupts;
  }

  /** Who has the processor has had his slice of it, or more than others by that (check_preempt_tick). */
  #isOver(current: Thread): boolean {
    if (this.#guest < this.#nextTick) return false;
    let queued = 0;
    let least = Infinity;
    for (const { isQueued, had } of this.#threads) {
      if (!isQueued) continue;
      queued++;
      least = Math.min(least, had);
    }
    this.#nextTick = (Math.floor(this.#guest / TICK) + 1) * TICK;
    const slice = LATENCY / queued;
    const ran = current.had - current.hadBefore;
    return queued > 1 && (ran > slice || (ran > LEAST_SLICE && current.had - least > slice));
  }
}

function newThread(steps?: Iterator<StepTime>): Thread {
  return { ...(steps && { steps }), had: 0, hadBefore: 0, readyAt: 0, isQueued: false };
}
