/** A disk that serves one request at a time, in order of submission. */
import { PAGE_BYTES } from "./page.ts";
import { type DiskProfile, type MachineProfile, microsecondsToCycles } from "./profile.ts";
import { WriteBackDisk } from "./write-back-disk.ts";

/** A request that is done, or is going to be: who asked, and the cycle. */
export interface DiskAnswer {
  readonly tag: number;
  readonly at: number;
}

/** What requests are made to. `now` does not decrease from call to call. */
export interface DiskDevice {
  /** Cycles for which it has been busy with its medium. */
  readonly busy: number;
  /** When it has to be looked at again ({@link advance}), in cycles; Infinity: it need not be. */
  readonly wakeAt: number;
  /**
   * Submit a request for `pages` pages of 4 KiB from `page` on. Returns the cycle at which it is done; -1: that depends on what
   * comes, and is among the answers of {@link advance} under its `tag`.
   */
  submit(now: number, page: number, pages: number, write: boolean, tag: number): number;
  /** The time has come to `now`. Returns what is known of earlier requests since the last call. */
  advance(now: number): readonly DiskAnswer[];
  /** Submit a request, and let nobody else come before it is done. Returns the cycle at which it is. */
  serve(now: number, page: number, pages: number, write: boolean): number;
}

const NONE: readonly DiskAnswer[] = [];

/** Moving a head takes milliseconds; what has none answers in less than one. */
export function isRotating({ positioningUs }: DiskProfile): boolean {
  return positioningUs >= 1000;
}

export class Disk implements DiskDevice {
  busy = 0;
  readonly wakeAt = Infinity;
  readonly #positioning: number;
  readonly #stroke: { readonly cycles: number; readonly pages: number };
  readonly #cyclesPerPage: number;
  #idleFrom = 0;
  #nextPage = -Infinity;

  constructor(profile: Pick<MachineProfile, "disk" | "megahertz">) {
    const { positioningUs, stroke } = profile.disk;
    this.#positioning = microsecondsToCycles(profile, positioningUs);
    this.#stroke = {
      cycles: microsecondsToCycles(profile, stroke?.positioningUs ?? positioningUs),
      pages: stroke?.pages ?? 0,
    };
    this.#cyclesPerPage = (PAGE_BYTES * profile.megahertz) / profile.disk.megabytesPerSecond;
  }

  /** Page at which the head is. */
  get head(): number {
    return this.#nextPage;
  }

  submit(now: number, page: number, pages: number): number {
    return this.serve(now, page, pages);
  }

  advance(): readonly DiskAnswer[] {
    return NONE;
  }

  /** The head need not move when the request goes on where the one before it ended. */
  serve(now: number, page: number, pages: number): number {
    return this.#access(now, page, pages, page === this.#nextPage ? 0 : this.#move(page));
  }

  /** The next of many that are served in order: what lies between it and the one before it passes under the head, if that is faster. */
  sweep(now: number, page: number, pages: number): number {
    const gap = page - this.#nextPage;
    const passing = gap < 0 ? Infinity : Math.round(gap * this.#cyclesPerPage);
    return this.#access(now, page, pages, Math.min(passing, this.#move(page)));
  }

  /**
   * Linear in the distance, as long seeks are (Ruemmler and Wilkes 1994; short ones take less than that has it), and the mean for a
   * third of the disk, the mean distance. How far away another area is, whose pages are numbered from beyond the disk's end, is not known.
   */
  #move(page: number): number {
    const distance = Math.abs(page - this.#nextPage);
    const { cycles, pages } = this.#stroke;
    if (distance >= pages) return this.#positioning;
    return Math.round(this.#positioning + ((cycles - this.#positioning) * ((3 * distance) / pages - 1)) / 2);
  }

  #access(now: number, page: number, pages: number, positioning: number): number {
    const service = positioning + Math.round(pages * this.#cyclesPerPage);
    this.#nextPage = page + pages;
    this.#idleFrom = Math.max(now, this.#idleFrom) + service;
    this.busy += service;
    return this.#idleFrom;
  }
}

/** A disk as a profile describes it. */
export function createDisk(profile: Pick<MachineProfile, "megahertz">, disk: DiskProfile): DiskDevice {
  const medium = new Disk({ megahertz: profile.megahertz, disk });
  return disk.writeCache === undefined ? medium : new WriteBackDisk(medium, disk.writeCache, profile.megahertz);
}
