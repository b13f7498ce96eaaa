/**
 * One processor for a few threads, shared as Linux's completely fair scheduler does it: the thread runs that has had least
 * of it, and one that has waited is not owed more than half a period.
 */

/** What a step of a thread took, in nanoseconds. */
export interface StepTime {
  /** Time of the processor: the thread's own, and that of kernel threads that ran meanwhile. */
  readonly cpu: number;
  readonly kernelThreads: number;
  /** Real time at which what it waits for has come; not later than now: it does not wait. */
  readonly readyAt: number;
}

/** sched_latency is 6 ms on one processor; a sleeper is given half of it. */
const MOST_OWED = 3e6;

interface Running {
  readonly steps: Iterator<StepTime>;
  had: number;
  readyAt: number;
}

/** Time of the guest, which stands for instructions, and of the world in which its disks are. */
export interface Clocks {
  readonly guest: number;
  readonly real: number;
}

/**
 * Run threads to their end; `tellTime` is told the time before each step, by clocks that go on. While the processor works, `realPerGuest` real
 * nanoseconds pass for one of the guest; while it waits, they pass together. Returns the guest's time of the end.
 */
export function runFairly(
  threads: readonly Iterator<StepTime>[],
  realPerGuest: number,
  tellTime: (clocks: Clocks) => void,
): number {
  const clocks = { guest: 0, real: 0 };
  let running = threads.map((steps): Running => ({ steps, had: 0, readyAt: 0 }));
  while (running.length > 0) {
    const idle = Math.max(0, earliest(running) - clocks.real);
    clocks.guest += idle;
    clocks.real += idle;
    const thread = next(running, clocks.real);
    tellTime(clocks);
    const step = thread.steps.next();
    if (step.done === true) {
      running = running.filter((other) => other !== thread);
      continue;
    }
    const { cpu, kernelThreads, readyAt } = step.value;
    clocks.guest += cpu + kernelThreads;
    clocks.real += (cpu + kernelThreads) * realPerGuest;
    thread.had += cpu;
    thread.readyAt = readyAt;
  }
  return clocks.guest;
}

function earliest(running: readonly Running[]): number {
  let earliestAt = Infinity;
  for (const { readyAt } of running) earliestAt = Math.min(earliestAt, readyAt);
  return earliestAt;
}

function next(running: readonly Running[], now: number): Running {
  let most = -Infinity;
  for (const { had } of running) most = Math.max(most, had);
  let best: Running | undefined;
  for (const thread of running) {
    if (thread.readyAt > now) continue;
    thread.had = Math.max(thread.had, most - MOST_OWED);
    if (best === undefined || thread.had < best.had) best = thread;
  }
  return best ?? running[0];
}
