/**
 * Where the kernel takes the frames of page tables from, and gives them back to. Linux 2.4 keeps tables that it needs no
 * more, empty as they are, for the next process (pte_quicklist, include/asm-i386/pgalloc.h; on x86-64 those of every level
 * below the root, include/asm-x86_64/pgalloc.h): the last one kept is the first one taken. No VMM is told that such a
 * frame is out of use, nor that it is in use again: it stays what it was, traced or pinned. Red Hat's kernel keeps none.
 */
import { PageUse } from "./guest-pages.ts";
import type { KernelContext } from "./kernel-context.ts";
import { NOT_A_TABLE } from "./virtual-hardware.ts";

/** pgt_cache_water (mm/memory.c, Linux 2.4): with more tables than `most`, all but `least` are freed. */
const KEPT = { least: 25, most: 50 };

type Context = Omit<KernelContext, "highMemory" | "tables">;

export class PageTableFrames {
  readonly #context: Context;
  /** Empty tables, by level. */
  readonly #kept: readonly number[][];

  constructor(context: Context) {
    this.#context = context;
    this.#kept = Array.from({ length: context.machine.pageTableFormat.levels }, () => []);
  }

  /** An empty table of a level in the tree of a root; a root has none above it. */
  take(level: number, root?: number): number {
    const kept = this.#kept[level].pop();
    if (kept !== undefined) return kept;
    const { machine, pages } = this.#context;
    const frame = this.#context.takeFrame(PageUse.Kernel, level);
    pages.zero(frame);
    machine.mmu.useAsTable(frame, level, root ?? frame);
    return frame;
  }

  /** A table below a root is empty and needed no more. Returns whether it is kept; if not, the caller frees its frame. */
  keep(table: number, level: number, root: number): boolean {
    if (this.#context.version.keepsTables) {
      this.#kept[level].push(table);
      return true;
    }
    this.#context.machine.mmu.useAsTable(table, NOT_A_TABLE, root);
    return false;
  }

  /** Free what is kept beyond bounds: one of each level in turn, from the highest down (do_check_pgt_cache). */
  trim(root: number): void {
    const { machine, frames } = this.#context;
    if (this.#size <= KEPT.most) return;
    while (this.#size > KEPT.least) {
      for (const kept of this.#kept.toReversed()) {
        const table = kept.pop();
        if (table === undefined) continue;
        machine.mmu.useAsTable(table, NOT_A_TABLE, root);
        frames.release(table);
      }
    }
  }

  get #size(): number {
    return this.#kept.reduce((size, { length }) => size + length, 0);
  }
}
