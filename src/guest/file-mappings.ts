/**
 * Which processes have a page of a file in their page tables, and in whose entries the processor's accessed bit is set. Replacement sees
 * and resets these bits of a page all at once; a process that ends has only its own to tell.
 */
import type { Replacement } from "./guest-pages.ts";

export class FileMappings {
  readonly #replacement: Replacement;
  /** By page, a bit for each process. */
  readonly #mappedBy: Uint8Array;
  /** The same; those whose accessed bits replacement has reset are taken out at the next use. */
  readonly #usedBy: Uint8Array;

  constructor(replacement: Replacement, filePages: number) {
    this.#replacement = replacement;
    this.#mappedBy = new Uint8Array(filePages);
    this.#usedBy = new Uint8Array(filePages);
  }

  isMapped(page: number): boolean {
    return this.#mappedBy[page] !== 0;
  }

  has(page: number, process: number): boolean {
    return (this.#mappedBy[page] & (1 << process)) !== 0;
  }

  add(page: number, process: number): void {
    this.#mappedBy[page] |= 1 << process;
  }

  /** No process has the page any more. */
  delete(page: number): void {
    this.#mappedBy[page] = 0;
  }

  /** The process uses the page, as program text or as data, which is at `ppn`. */
  use(page: number, ppn: number, text: boolean, process: number): void {
    if (!this.#replacement.isKnownUsed(ppn)) this.#usedBy[page] = 0;
    this.#usedBy[page] |= 1 << process;
    if (text) this.#replacement.useText(ppn);
    else this.#replacement.use(ppn);
  }

  /** Several have used the page since replacement last reset its accessed bits, which it has not done since then. */
  isUsedBySeveral(page: number): boolean {
    const used = this.#usedBy[page];
    return (used & (used - 1)) !== 0;
  }

  /** The process no longer has the page, which is at `ppn`: that it used it counts like a system call (zap_pte_range, mm/memory.c). */
  unmap(page: number, ppn: number, process: number): void {
    const own = 1 << process;
    const used = this.#usedBy[page];
    this.#mappedBy[page] &= ~own;
    this.#usedBy[page] &= ~own;
    if ((used & own) === 0) return;
    if (used === own) this.#replacement.unmap(ppn);
    else if (this.#replacement.isKnownUsed(ppn)) this.#replacement.useByCall(ppn);
  }
}
