/** Who decides which request a disk gets next, where it does not get them as they come. */
import type { Taken } from "./request-rings.ts";

export interface DiskScheduler {
  /** When to ask again for what comes next though nothing has happened, in cycles; Infinity: there is no need to. */
  readonly wakeAt: number;
  put(taken: Taken, now: number): void;
  /** What the disk gets next; undefined: nothing for now. */
  take(now: number): Taken | undefined;
  /** The disk has finished a request that it got by {@link take}. */
  done(now: number): void;
}
