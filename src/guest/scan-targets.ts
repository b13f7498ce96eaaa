/**
 * How many pages to look at on each of the four lists of a control group (Linux 6.1, mm/vmscan.c: shrink_lruvec): as many as
 * was set, a few of each in turns, until enough has been freed; then no more of the kind of which less is left, and a turn of the other one if
 * that is behind in proportion.
 */

/** Most pages looked at before the other lists have their turn (SWAP_CLUSTER_MAX). */
export const BATCH = 32;

export const List = { InactiveAnonymous: 0, ActiveAnonymous: 1, InactiveFile: 2, ActiveFile: 3 } as const;
const LISTS = 4;

export class ScanTargets {
  readonly #targets = new Int32Array(LISTS);
  readonly #left = new Int32Array(LISTS);

  set(list: number, pages: number): void {
    this.#targets[list] = pages;
    this.#left[list] = pages;
  }

  /** Active anonymous pages alone are no reason to go on. */
  get any(): boolean {
    const left = this.#left;
    return left[List.InactiveAnonymous] > 0 || left[List.InactiveFile] > 0 || left[List.ActiveFile] > 0;
  }

  /** The next pages to look at on a list: so many. */
  next(list: number): number {
    const pages = Math.min(BATCH, this.#left[list]);
    this.#left[list] -= pages;
    return pages;
  }

  /** Enough has been freed. */
  curtail(): void {
    const anonymous = this.#leftOf(List.InactiveAnonymous);
    const files = this.#leftOf(List.InactiveFile);
    const [smaller, larger] =
      files > anonymous ? [List.InactiveAnonymous, List.InactiveFile] : [List.InactiveFile, List.InactiveAnonymous];
    const done = 100 - Math.floor((100 * Math.min(anonymous, files)) / (this.#targetOf(smaller) + 1));
    const stops = anonymous === 0 || files === 0;
    this.#left[smaller] = 0;
    this.#left[smaller + 1] = 0;
    for (const list of [larger, larger + 1]) this.#left[list] = stops ? 0 : this.#leftInProportion(list, done);
  }

  /** What is left of `percent` of the target. */
  #leftInProportion(list: number, percent: number): number {
    const scanned = this.#targets[list] - this.#left[list];
    return Math.max(0, Math.floor((this.#targets[list] * percent) / 100) - scanned);
  }

  #leftOf(inactive: number): number {
    return this.#left[inactive] + this.#left[inactive + 1];
  }

  #targetOf(inactive: number): number {
    return this.#targets[inactive] + this.#targets[inactive + 1];
  }
}
