/** How much memory a guest needs to boot at monitor resolution, and what it is told when it has less. */
import { InputError } from "../core/input-error.ts";
import { KIB_PER_PAGE } from "../machine/page.ts";
import type { PageTableFormat } from "../machine/page-tables.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import type { Layout } from "./kernel-version.ts";
import { PROGRAM_PRIVATE_PAGES, PROGRAM_TEXT_PAGES, serviceImage } from "./program-image.ts";

/** Throws an {@link InputError} when a guest of this shape has too little memory to boot. */
export function requireBootMemory(workload: string, shape: GuestShape, format: PageTableFormat, layout: Layout): void {
  const least = leastBootPages(shape, format, layout);
  if (shape.memoryPages >= least) return;
  throw new InputError(
    `workload "${workload}": a guest with ${sizeOf(shape.memoryPages)} of memory and ${sizeOf(shape.swapPages)} of swap ` +
      `does not boot; kernel, program text, page tables and resident pages that swap does not hold need at least ${sizeOf(least)}`,
  );
}

/** Pages as a size: "384KiB". */
export function sizeOf(pages: number): string {
  const kib = pages * KIB_PER_PAGE;
  return kib > 0 && kib % 1024 === 0 ? `${kib / 1024}MiB` : `${kib}KiB`;
}

/** Kernel and page tables stay in memory; of private and cached pages what swap has no room for, and always one in use. */
function leastBootPages(shape: GuestShape, format: PageTableFormat, layout: Layout): number {
  const processes = Math.max(1, shape.processes);
  const kernel = Math.max(shape.kernelPages, PROGRAM_TEXT_PAGES);
  const tables = processes * tablesOf(shape.residentAnonymousPages, format, layout);
  // File pages make room for each other, but not for the first of them.
  const cached = Math.min(shape.residentFilePages, shape.filePages) > 0 ? 1 : 0;
  const resident = processes * (PROGRAM_PRIVATE_PAGES + shape.residentAnonymousPages) + cached;
  return kernel + tables + Math.max(1, resident - shape.swapPages);
}

/** Page tables of a service process, root included. */
function tablesOf(anonymous: number, { levels, bitsPerLevel }: PageTableFormat, layout: Layout): number {
  const heap = { start: layout.anonymousStart, end: layout.anonymousStart + anonymous };
  const regions = [...serviceImage(layout).regions, heap].filter(({ start, end }) => start < end);
  let tables = 1;
  for (let level = 1; level < levels; level++) {
    const areas = new Set<number>();
    for (const { start, end } of regions) {
      const last = (end - 1) >>> (level * bitsPerLevel);
      for (let area = start >>> (level * bitsPerLevel); area <= last; area++) areas.add(area);
    }
    tables += areas.size;
  }
  return tables;
}
