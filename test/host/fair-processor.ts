/**
 * One processor for a few threads, shared as Linux's completely fair scheduler does it: the thread runs that has had least
 * of it, and one that has waited is not owed more than half a period.
 */

/** What a step of a thread took: time of the processor, then a wait; nanoseconds. */
export interface StepTime {
  readonly cpu: number;
  readonly wait: number;
}

/** sched_latency is 6 ms on one processor; a sleeper is given half of it. */
const MOST_OWED = 3e6;

interface Running {
  readonly steps: Iterator<StepTime>;
  had: number;
  readyAt: number;
}

/** Run threads to their end; `now` is told the time before each step. Returns the time of the end, in nanoseconds. */
export function runFairly(threads: readonly Iterator<StepTime>[], tellTime: (now: number) => void): number {
  let now = 0;
  let running = threads.map((steps): Running => ({ steps, had: 0, readyAt: 0 }));
  while (running.length > 0) {
    now = Math.max(now, Math.min(...running.map(({ readyAt }) => readyAt)));
    const thread = next(running, now);
    tellTime(now);
    const step = thread.steps.next();
    if (step.done === true) {
      running = running.filter((other) => other !== thread);
      continue;
    }
    const { cpu, wait } = step.value;
    now += cpu;
    thread.had += cpu;
    thread.readyAt = now + wait;
  }
  return now;
}

function next(running: readonly Running[], now: number): Running {
  const least = Math.max(...running.map(({ had }) => had)) - MOST_OWED;
  const ready = running.filter(({ readyAt }) => readyAt <= now);
  for (const thread of ready) thread.had = Math.max(thread.had, least);
  return ready.reduce((best, thread) => (thread.had < best.had ? thread : best));
}
