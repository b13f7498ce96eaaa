/** The bare MMU: the hardware walks the tables that the guest writes. */
import { PageTableMemory } from "../../machine/page-tables.ts";
import { NOT_TRANSLATED, PageWalker } from "../../machine/page-walker.ts";
import { ALL_PAGES, GUEST_FAULT, NOT_A_TABLE } from "../../guest/virtual-hardware.ts";
import { definePart } from "../contract.ts";
import type { Mmu, MonitorContext } from "../monitor-contract.ts";

/** What translating addresses costs the hardware itself, under every VMM. */
export const TRANSLATION_COSTS = [
  "hardware.page-walk-level",
  "hardware.trap",
  "hardware.tlb-flush",
  "hardware.tlb-invalidate",
];

class BareMmu implements Mmu {
  readonly #tables: PageTableMemory;
  readonly #walker: PageWalker;

  constructor(context: MonitorContext) {
    this.#tables = new PageTableMemory(context.pageTableFormat, context.machineFrames.length);
    this.#walker = new PageWalker(this.#tables, context);
  }

  access(page: number, write: boolean): number {
    const frame = this.#walker.translate(page, write);
    return frame === NOT_TRANSLATED ? GUEST_FAULT : frame;
  }

  raiseFault(): void {
    this.#walker.raiseFault();
  }

  useAsTable(frame: number, level: number): void {
    if (level === NOT_A_TABLE) this.#tables.destroy(frame);
    else this.#tables.create(frame);
  }

  reuse(): void {}

  readEntry(table: number, index: number): number {
    return this.#tables.read(table, index);
  }

  writeEntry(table: number, index: number, entry: number): void {
    this.#tables.write(table, index, entry);
  }

  invalidate(page: number): void {
    if (page === ALL_PAGES) this.#walker.flush();
    else this.#walker.invalidate(page);
  }

  beginBatch(): void {}

  endBatch(): void {}

  commit(): void {}

  activate(): void {}

  retire(): void {}

  switchRoot(root: number): void {
    this.#walker.loadRoot(root);
  }
}

export const bareMmu = definePart({
  slot: "mmu",
  name: "bare",
  summary: "bare MMU: the hardware walks the guest's own page tables",
  parameters: {},
  needs: TRANSLATION_COSTS,
  kernelMapping: () => ({ largePages: true, global: true }),
  create: (_, context) => new BareMmu(context),
});
