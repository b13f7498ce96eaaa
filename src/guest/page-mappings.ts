/** How a kernel maps pages of high memory, one of two ways: {@link AtomicWindow} and {@link PersistentMappings}. */
import { IA32_PAGES, Pte } from "../machine/page-tables.ts";
import type { KernelTables } from "./kernel-tables.ts";
import type { Mmu } from "./virtual-hardware.ts";

export interface PageMappings {
  /** What it maps them through. */
  readonly tables: KernelTables;
  /** Returns the page at which the kernel gets at a frame. */
  map(frame: number): number;
  /** The kernel is done with what it has mapped last. */
  unmap(): void;
  /** A frame may be put to another use. */
  forget(frame: number): void;
}

/** Of an entry that maps a page. */
export const PAGE_FLAGS = Pte.Present | Pte.Writable | Pte.Accessed | Pte.Dirty;

/** Where the kernel's part of every address space ends. */
export function endOfKernel({ hypervisorStart = IA32_PAGES }: Mmu): number {
  return Math.min(hypervisorStart, IA32_PAGES);
}
