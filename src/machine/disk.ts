/** Moving a head takes milliseconds; what has none answers in less than one. */
export function isRotating({ positioningUs }: MachineProfile["disk"]): boolean {
  return positioningUs >= 1000;
}

/** A disk that serves one request at a time, in order of submission. */
import { microsecondsToCycles } from "./profile.ts";
import type { MachineProfile } from "./profile.ts";
import { PAGE_BYTES } from "./page.ts";

export class Disk {
  /** Cycles it has been busy. */
  busy = 0;
  readonly #positioning: number;
  readonly #cyclesPerPage: number;
  #idleFrom = 0;
  #nextPage = -1;

  constructor(profile: MachineProfile) {
    this.#positioning = microsecondsToCycles(profile, profile.disk.positioningUs);
    this.#cyclesPerPage = (PAGE_BYTES * profile.megahertz) / profile.disk.megabytesPerSecond;
  }

  /**
   * Submit a request for `pages` pages of 4 KiB from `page` on. Returns the cycle at which it is done. The head need not
   * move when the request goes on where the one before it ended.
   */
  request(now: number, page: number, pages: number): number {
    const positioning = page === this.#nextPage ? 0 : this.#positioning;
    const service = positioning + Math.round(pages * this.#cyclesPerPage);
    this.#nextPage = page + pages;
    this.#idleFrom = Math.max(now, this.#idleFrom) + service;
    this.busy += service;
    return this.#idleFrom;
  }
}
