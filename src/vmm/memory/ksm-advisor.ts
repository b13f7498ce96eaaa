/**
 * KSM's advisor in its mode scan-time: after each pass over all pages it chooses how many pages the scanner takes each time
 * it wakes up, so that a pass takes a given time (Linux, `Documentation/admin-guide/mm/ksm.rst`; mm/ksm.c). The kernel
 * reckons in integers, and so does this.
 */

export interface KsmAdvisorLimits {
  /** Time that a pass should take, in seconds; at least 1. */
  readonly targetSeconds: number;
  /** Most CPU time of the scanner, in percent of one CPU. */
  readonly maxCpuPercent: number;
  /** Most pages each time. */
  readonly maxPages: number;
}

/** The pass that is over. Whole seconds and percents count, one of each at least. */
export interface KsmPass {
  readonly passSeconds: number;
  /** CPU time of the scanner, in percent of the pass. */
  readonly cpuPercent: number;
}

/** What the advisor says, and what it remembers for the next pass. */
export interface KsmAdvice {
  readonly pagesToScan: number;
  /** Length of the pass before; 0: there was none. */
  readonly previousSeconds: number;
  /** Smoothed length of a pass in percent of the one before. */
  readonly changePercent: number;
}

/** Less CPU time than this is always worth it, in percent of one CPU. */
const MIN_CPU_PERCENT = 10;
/** Weight of the newest pass in the smoothed change, percent. */
const NEWEST_PERCENT = 30;

export const INITIAL_ADVICE: KsmAdvice = { pagesToScan: 500, previousSeconds: 0, changePercent: 0 };

export function adviseKsm(limits: KsmAdvisorLimits, pass: KsmPass, before: KsmAdvice): KsmAdvice {
  const seconds = Math.max(1, Math.floor(pass.passSeconds));
  const cpuPercent = Math.max(1, Math.floor(pass.cpuPercent));
  const factor = quotient(100 * limits.targetSeconds, seconds);
  const change = quotient(100 * seconds, before.previousSeconds || seconds);
  const changePercent = quotient((100 - NEWEST_PERCENT) * before.changePercent + NEWEST_PERCENT * change, 100);
  const wanted = quotient(quotient(100 * before.pagesToScan, factor) * changePercent, 100);
  const pagesPerPercent = quotient(before.pagesToScan, cpuPercent);
  const most = Math.min(limits.maxCpuPercent * pagesPerPercent, limits.maxPages);
  const pagesToScan = Math.min(Math.max(wanted, MIN_CPU_PERCENT * pagesPerPercent), most);
  return { pagesToScan, previousSeconds: seconds, changePercent };
}

/** In integers, and never 0. */
function quotient(dividend: number, divisor: number): number {
  return Math.max(1, Math.floor(dividend / divisor));
}
