/** What a hypervisor that validates page tables has counted, counted again. */
import { frameOf, type PageTableMemory, Pte } from "../../src/machine/page-tables.ts";
import type { DirectPaging } from "../../src/vmm/mmu/direct-paging.ts";
import type { MulticallPaging } from "../../src/vmm/mmu/multicall-paging.ts";

/** The counts of the hypervisor are those one gets by counting, and no page table is mapped writable. */
export function checkReferences({ tables, types }: DirectPaging | MulticallPaging, frames: number): void {
  const asTable = new Uint32Array(frames);
  const writable = new Uint32Array(frames);
  for (let frame = 0; frame < frames; frame++) {
    const level = types.tableLevel(frame);
    if (level === -1) continue;
    asTable[frame] += 1;
    countEntries(tables, frame, level > 0 ? asTable : writable, level === 0);
  }
  for (let frame = 0; frame < frames; frame++) {
    const isTable = types.tableLevel(frame) !== -1;
    const right =
      types.tableReferences(frame) === asTable[frame] && types.writableReferences(frame) === writable[frame];
    if (!right || (isTable && writable[frame] > 0)) throw new Error(`wrong counts of machine frame ${frame}`);
  }
}

function countEntries(tables: PageTableMemory, table: number, counts: Uint32Array, onlyWritable: boolean): void {
  for (let index = 0; index < tables.entriesPerTable; index++) {
    const entry = tables.read(table, index);
    if ((entry & Pte.Present) === 0 || (onlyWritable && (entry & Pte.Writable) === 0)) continue;
    counts[frameOf(entry)] += 1;
  }
}
