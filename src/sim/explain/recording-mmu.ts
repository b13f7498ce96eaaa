/** An MMU with a recorder around it. */
import { ALL_PAGES, type EntryChange, GUEST_FAULT, type Mmu, NOT_A_TABLE } from "../../guest/virtual-hardware.ts";
import { frameOf, type PageTableFormat, Pte } from "../../machine/page-tables.ts";
import type { Recorder } from "./recorder.ts";

const UNKNOWN_LEVEL = -1;
/** What a kernel made for its VMM does more than others ({@link Mmu.clearsWindows}). */
export const CLEARS_WINDOW = "writes page-table entry: clears that of a copy";
/** And what one does that has no room to have the page mapped for good. */
export const MAPS_FOR_COPY = "writes page-table entry: maps a page for a copy";

export class RecordingMmu implements Mmu {
  readonly marksGlobal?: true;
  readonly clearsWindows?: true;
  readonly hypervisorStart?: number;
  readonly #mmu: Mmu;
  readonly #recorder: Recorder;
  readonly #topLevel: number;
  readonly #levels = new Map<number, number>();
  /** Tables of the kernel's own, below no root: what they map is mapped for a copy. */
  readonly #ofCopies = new Set<number>();
  /**
   * The entries that are not zero, by table and index, as the guest last wrote or read them. They cannot be read for the
   * record: where updates are queued, a read may have them carried out.
   */
  readonly #tables = new Map<number, Map<number, number>>();

  constructor(mmu: Mmu, format: PageTableFormat, recorder: Recorder) {
    this.#mmu = mmu;
    if (mmu.marksGlobal) this.marksGlobal = true;
    if (mmu.clearsWindows) this.clearsWindows = true;
    if (mmu.hypervisorStart !== undefined) this.hypervisorStart = mmu.hypervisorStart;
    this.#topLevel = format.levels - 1;
    this.#recorder = recorder;
  }

  access(page: number, write: boolean): number {
    return this.#recorder.call(
      "access",
      (frame: number) => [
        `${write ? "writes" : "reads"} a page: ${frame === GUEST_FAULT ? "page fault" : "goes through"}`,
        `page ${hexadecimal(page)}`,
      ],
      () => this.#mmu.access(page, write),
    );
  }

  kernelAccess(page: number, write: boolean): number {
    return this.#recorder.call(
      "kernel-access",
      () => [`${write ? "writes" : "reads"} a page at an address of its own`, `page ${hexadecimal(page)}`],
      () => this.#mmu.kernelAccess?.(page, write) ?? this.#mmu.access(page, write),
    );
  }

  raiseFault(walks: boolean): void {
    this.#recorder.call(
      "fault",
      () => ["raises the fault"],
      () => this.#mmu.raiseFault(walks),
    );
  }

  useAsTable(frame: number, level: number, root: number): void {
    const gone = level === NOT_A_TABLE;
    const what = this.#titleOf(gone ? this.#levelOf(frame) : level);
    if (gone) this.#levels.delete(frame);
    else this.#levels.set(frame, level);
    if (level === 0 && root === frame) this.#ofCopies.add(frame);
    this.#tables.set(frame, new Map());
    const action = gone ? `turns a ${what} into ordinary memory again` : `turns a page into a ${what}`;
    this.#recorder.call(
      "use-as-table",
      () => [action, `frame ${frame}`],
      () => this.#mmu.useAsTable(frame, level, root),
    );
  }

  reuse(frame: number, instructions: number): void {
    this.#recorder.call(
      "reuse",
      () => ["puts a page to a new use", `frame ${frame}`],
      () => this.#mmu.reuse(frame, instructions),
    );
  }

  readEntry(table: number, index: number): number {
    const entry = this.#recorder.call(
      "read-entry",
      (found: number) => ["reads an entry", `${entryName(table, index)}: ${entryText(found)}`],
      () => this.#mmu.readEntry(table, index),
    );
    this.#remember(table, index, entry);
    return entry;
  }

  writeEntry(table: number, index: number, entry: number, change: EntryChange): void {
    const before = this.#tables.get(table)?.get(index) ?? 0;
    this.#remember(table, index, entry);
    this.#recorder.call(
      "write-entry",
      () => [
        this.#writeOf(table, before, entry),
        `${entryName(table, index)}: ${entryText(before)} -> ${entryText(entry)}`,
      ],
      () => this.#mmu.writeEntry(table, index, entry, change),
    );
  }

  beginBatch(): void {
    this.#recorder.call(
      "batch",
      () => ["announces many changes of entries"],
      () => this.#mmu.beginBatch(),
    );
  }

  endBatch(): void {
    this.#recorder.call(
      "batch",
      () => ["has made its many changes of entries"],
      () => this.#mmu.endBatch(),
    );
  }

  invalidate(page: number): void {
    const what = page === ALL_PAGES ? "the whole TLB" : "one page of the TLB";
    const detail = page === ALL_PAGES ? "" : `page ${hexadecimal(page)}`;
    this.#recorder.call(
      "invalidate",
      () => [`drops ${what}`, detail],
      () => this.#mmu.invalidate(page),
    );
  }

  commit(): void {
    this.#recorder.call(
      "commit",
      () => ["needs its changes of entries done"],
      () => this.#mmu.commit(),
    );
  }

  switchRoot(root: number): void {
    const action = "loads another page-table base";
    this.#recorder.call(
      "switch-root",
      () => [action, `root ${root}`],
      () => this.#mmu.switchRoot(root),
    );
  }

  activate(root: number): void {
    const action = "completes an address space";
    this.#recorder.call(
      "activate",
      () => [action, `root ${root}`],
      () => this.#mmu.activate(root),
    );
  }

  retire(root: number): void {
    const action = "is done with an address space";
    this.#recorder.call(
      "retire",
      () => [action, `root ${root}`],
      () => this.#mmu.retire(root),
    );
  }

  #remember(table: number, index: number, entry: number): void {
    if (entry === 0) this.#tables.get(table)?.delete(index);
    else this.#tables.get(table)?.set(index, entry);
  }

  /** A kernel that leaves the entry of its last copy maps another page by it, one that has cleared it maps a page: the same work. */
  #writeOf(table: number, before: number, entry: number): string {
    if (this.#ofCopies.has(table)) return entry === 0 ? CLEARS_WINDOW : MAPS_FOR_COPY;
    return `writes ${this.#titleOf(this.#levelOf(table))} entry: ${kindOfChange(before, entry)}`;
  }

  #levelOf(table: number): number {
    return this.#levels.get(table) ?? UNKNOWN_LEVEL;
  }

  #titleOf(level: number): string {
    return level === 0 ? "page-table" : level === this.#topLevel ? "root-table" : `level-${level} table`;
  }
}

function kindOfChange(before: number, entry: number): string {
  const [was, is] = [before, entry].map((each) => (each & Pte.Present) !== 0);
  if (!was && is) return "maps a page";
  if (was && !is) return "unmaps a page";
  if (!was) return "changes one that is not present";
  if (frameOf(before) !== frameOf(entry)) return "maps another page";
  const [could, can] = [before, entry].map((each) => (each & Pte.Writable) !== 0);
  return could === can ? "changes flags" : can ? "makes a page writable" : "write-protects a page";
}

/** Table by its frame, and index. */
function entryName(table: number, index: number): string {
  return `${table}[${index}]`;
}

const FLAGS = Object.entries({ P: Pte.Present, W: Pte.Writable, U: Pte.User, A: Pte.Accessed, D: Pte.Dirty });

/** `17 PWUAD`: the frame; a dash where a flag (present, writable, user, accessed, dirty) is not set. */
function entryText(entry: number): string {
  if (entry === 0) return "empty";
  if ((entry & Pte.Present) === 0) return `swap slot ${frameOf(entry)}`;
  return `${frameOf(entry)} ${FLAGS.map(([letter, bit]) => ((entry & bit) === 0 ? "-" : letter)).join("")}`;
}

/** Virtual page number. */
function hexadecimal(page: number): string {
  return `0x${page.toString(16)}`;
}
