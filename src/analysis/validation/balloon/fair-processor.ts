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
 * Run threads to their end; `tellTime` is told the time before each step. While the processor works, `realPerGuest` real
 * nanoseconds pass for one of the guest; while it waits, they pass together. Returns the guest's time of the end.
 */
export function runFairly(
  threads: readonly Iterator<StepTime>[],
  realPerGuest: number,
  tellTime: (clocks: Clocks) => void,
): number {
  let [guest, real] = [0, 0];
  let running = threads.map((steps): Running => ({ steps, had: 0, readyAt: 0 }));
  while (running.length > 0) {
    const idle = Math.max(0, Math.min(...running.map(({ readyAt }) => readyAt)) - real);
    guest += idle;
    real += idle;
    const thread = next(running, real);
    tellTime({ guest, real });
    const step = thread.steps.next();
    if (step.done === true) {
      running = running.filter((other) => other !== thread);
      continue;
    }
    const { cpu, kernelThreads, readyAt } = step.value;
    guest += cpu + kernelThreads;
    real += (cpu + kernelThreads) * realPerGuest;
    thread.had += cpu;
    thread.readyAt = readyAt;
  }
  return guest;
}

function next(running: readonly Running[], now: number): Running {
  const least = Math.max(...running.map(({ had }) => had)) - MOST_OWED;
  const ready = running.filter(({ readyAt }) => readyAt <= now);
  for (const thread of ready) thread.had = Math.max(thread.had, least);
  return ready.reduce((best, thread) => (thread.had < best.had ? thread : best));
}
