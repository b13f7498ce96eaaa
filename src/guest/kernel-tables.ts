/**
 * The kernel's part of the page tables, as far as its entries change while it runs: one lowest-level table, in every address space.
 * Without PAE, each root leads to it. With PAE there is a table in between, for the fourth gigabyte (a pmd). Address spaces have it in
 * common (pgd_alloc, arch/i386/mm/pgtable.c, Linux 2.6.12; get_pgd_slow, include/asm-i386/pgalloc.h, 2.4.22), but not below a hypervisor
 * that has entries in it, which are not the same in each: Xen refuses one that two roots lead to, and XenLinux copies the kernel's for
 * each (create_pae_xen_mappings, xen/arch/x86/mm.c; HAVE_SHARED_KERNEL_PMD, mach-xen/asm/pgtable-3level-defs.h, and pgd_alloc,
 * arch/i386/mm/pgtable-xen.c, Xen 3.0.4). Guests without high memory have no kernel's part here, and so none to copy.
 */
import { entryOf, Pte } from "../machine/page-tables.ts";
import { PageUse } from "./guest-pages.ts";
import type { KernelContext } from "./kernel-context.ts";
import { NOT_A_TABLE } from "./virtual-hardware.ts";

const TABLE_FLAGS = Pte.Present | Pte.Writable | Pte.Accessed;
const NONE = -1;

type Context = Omit<KernelContext, "highMemory" | "tables">;

export class KernelTables {
  readonly #context: Context;
  /** The first page that the lowest table maps. */
  readonly #firstPage: number;
  readonly #lowest: number;
  /** The kernel's own table between root and lowest, with PAE. */
  readonly #middle: number;
  /** Copies of it, by root. */
  readonly #copies = new Map<number, number>();

  /** `page`: one of those that the lowest table maps. */
  constructor(context: Context, page: number) {
    const { levels, bitsPerLevel } = context.machine.pageTableFormat;
    this.#context = context;
    this.#firstPage = (page >>> bitsPerLevel) << bitsPerLevel;
    this.#lowest = this.#newTable(0);
    this.#middle = levels === 2 ? NONE : this.#newTable(1);
    if (this.#middle !== NONE) this.#lead(this.#middle, 1, this.#lowest);
  }

  /** The address space of a root has the kernel's part, too. */
  link(root: number): void {
    if (this.#middle === NONE) this.#lead(root, 1, this.#lowest);
    else this.#lead(root, 2, this.#copied ? this.#copyFor(root) : this.#middle);
  }

  /** The root is gone. */
  unlink(root: number): void {
    const copy = this.#copies.get(root);
    if (copy === undefined) return;
    this.#copies.delete(root);
    this.#context.machine.mmu.useAsTable(copy, NOT_A_TABLE, root);
    this.#context.frames.release(copy);
  }

  set(page: number, entry: number): void {
    this.#context.machine.mmu.writeEntry(this.#lowest, page - this.#firstPage, entry, "set");
  }

  get #copied(): boolean {
    return this.#context.machine.mmu.hypervisorStart !== undefined;
  }

  #copyFor(root: number): number {
    const { machine, pages, takeFrame } = this.#context;
    const copy = takeFrame(PageUse.Kernel, 1);
    pages.copy(this.#middle, copy);
    machine.mmu.useAsTable(copy, 1, root);
    this.#lead(copy, 1, this.#lowest);
    this.#copies.set(root, copy);
    return copy;
  }

  /** A table of no process's. */
  #newTable(level: number): number {
    const table = this.#context.takeFrame(PageUse.Kernel, level);
    this.#context.machine.mmu.useAsTable(table, level, table);
    return table;
  }

  /** From an upper table, at its level, to a lower one. */
  #lead(upper: number, level: number, lower: number): void {
    const { mmu, pageTableFormat } = this.#context.machine;
    const { bitsPerLevel } = pageTableFormat;
    const index = (this.#firstPage >>> (level * bitsPerLevel)) & ((1 << bitsPerLevel) - 1);
    mmu.writeEntry(upper, index, entryOf(lower, TABLE_FLAGS), "set");
  }
}
