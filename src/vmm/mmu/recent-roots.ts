/** Roots whose shadows are at hand: the current one and three before it (KVM_MMU_NUM_PREV_ROOTS, Linux 6.1). */
const ROOTS = 4;

export class RecentRoots {
  /** Guest frames, the most recently used first. */
  readonly #roots: number[] = [];

  get all(): readonly number[] {
    return this.#roots;
  }

  /** Use a root. False: it was not at hand and had to be looked up. */
  use(root: number): boolean {
    const at = this.#roots.indexOf(root);
    if (at !== -1) this.#roots.splice(at, 1);
    this.#roots.unshift(root);
    if (this.#roots.length > ROOTS) this.#roots.pop();
    return at !== -1;
  }

  has(root: number): boolean {
    return this.#roots.includes(root);
  }

  forget(root: number): void {
    const at = this.#roots.indexOf(root);
    if (at !== -1) this.#roots.splice(at, 1);
  }
}
