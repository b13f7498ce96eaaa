/** A guest whose page tables somebody keeps a record of. */
import { GuestKernel } from "../../src/guest/kernel.ts";
import { PageWork } from "../../src/guest/page-work.ts";
import { type EntryChange, NOT_A_TABLE } from "../../src/guest/virtual-hardware.ts";
import { Meter } from "../../src/machine/meter.ts";
import { frameOf, Pte } from "../../src/machine/page-tables.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { buildMachine } from "../../src/sim/monitor-machine.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";

export interface WatchedTable {
  readonly level: number;
  /** Frames that entries lead to, by index, of those that are present. */
  readonly entries: Map<number, number>;
}

class WatchedCopies extends PageWork {
  onCopy: () => void = () => {};

  override copyBytes(bytes: number): void {
    super.copyBytes(bytes);
    this.onCopy();
  }
}

export function watchTables(vmm: Vmm, profile: MachineProfile, shape: GuestShape) {
  const meter = new Meter();
  const machine = buildMachine(vmm, profile, shape.memoryPages, meter);
  const { mmu } = machine;
  const tables = new Map<number, WatchedTable>();
  const watch = { onWrite: (_table: number, _index: number, _entry: number, _change: EntryChange): void => {} };
  const { useAsTable, writeEntry } = mmu;
  mmu.useAsTable = (frame, level, root) => {
    if (level === NOT_A_TABLE) tables.delete(frame);
    else tables.set(frame, { level, entries: new Map() });
    useAsTable.call(mmu, frame, level, root);
  };
  mmu.writeEntry = (table, index, entry, change) => {
    const { entries } = tables.get(table) as WatchedTable;
    if ((entry & Pte.Present) === 0) entries.delete(index);
    else entries.set(index, frameOf(entry));
    watch.onWrite(table, index, entry, change);
    writeEntry.call(mmu, table, index, entry, change);
  };
  const pages = new WatchedCopies(profile, meter);
  const kernel = new GuestKernel(machine, profile, shape, pages);
  const count = (cause: string): number => meter.ledger.eventsByCause()[cause] ?? 0;
  return { kernel, machine, tables, watch, pages, count };
}

export function ofLevel(tables: ReadonlyMap<number, WatchedTable>, wanted: number): WatchedTable[] {
  return [...tables.values()].filter(({ level }) => level === wanted);
}
