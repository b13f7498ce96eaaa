/** How reclaim of Linux divides what it looks at between files and anonymous memory (6.1, mm/vmscan.c: get_scan_count). */
import { BATCH } from "./scan-targets.ts";
import type { PagePool, SplitLru } from "./split-lru.ts";

/** vm.swappiness: cost of reading a file's page against a swapped one, of 200. */
const SWAPPINESS = 60;

/** Active pages are aged if some have come back that were not among them, or if there are too many. */
export function mayDeactivate(pool: PagePool): boolean {
  return pool.activations !== pool.seenActivations || pool.inactiveIsLow;
}

/** Of what is looked at, how much is anonymous memory: by what the reclaim of either kind has cost lately (prepare_scan_count). */
export function anonymousShare({ anonymous, files }: SplitLru, priority: number): number {
  // Plenty of files that nobody has come back to: they go first.
  if (files.inactive >> priority > 0 && !mayDeactivate(files)) return 0;
  const total = anonymous.cost + files.cost;
  const anonymousWeight = SWAPPINESS / (total + anonymous.cost + 1);
  const fileWeight = (200 - SWAPPINESS) / (total + files.cost + 1);
  return anonymousWeight / (anonymousWeight + fileWeight);
}

/**
 * How many pages to look at on a list of a control group: of one that has ended, some whatever the priority, as nobody will use
 * it again (get_scan_count).
 */
export function scanTarget(length: number, priority: number, share: number, ended: boolean): number {
  const part = length >> priority;
  if (!ended) return Math.floor(part * share);
  return Math.ceil((part > 0 ? part : Math.min(length, BATCH)) * share);
}
