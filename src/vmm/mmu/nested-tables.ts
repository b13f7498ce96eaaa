/**
 * The nested tables of one guest: from its frames (PPN) to machine frames (MPN), in memory of the VMM's own. The hardware
 * walks them, and nobody but the VMM writes them.
 */
import { entryOf, frameOf, PageTableMemory, Pte } from "../../machine/page-tables.ts";
import type { PageTableFormat } from "../../machine/page-tables.ts";

const MAPPED = Pte.Present | Pte.Writable | Pte.User;

export class NestedTables {
  /** The tables; their frames are numbers within the VMM's own memory, the root is number 0. */
  readonly memory: PageTableMemory;
  readonly root = 0;
  readonly #machineFrames: Uint32Array;
  readonly #largePages: boolean;
  /** Guest frames in one large page: 2 MiB on x86-64, 4 MiB on IA-32. */
  readonly #largeSize: number;
  #tables = 1;

  constructor(format: PageTableFormat, machineFrames: Uint32Array, largePages: boolean) {
    this.memory = new PageTableMemory(format, tablesFor(machineFrames.length, format));
    this.memory.create(this.root);
    this.#machineFrames = machineFrames;
    this.#largePages = largePages;
    this.#largeSize = 1 << format.bitsPerLevel;
  }

  /** Map the whole guest. */
  fillAll(): void {
    for (let frame = 0; frame < this.#machineFrames.length; frame += this.fill(frame)) {}
  }

  /** Map a guest frame, by a large page where its surroundings in machine memory allow it. Returns how many are mapped. */
  fill(guestFrame: number): number {
    const first = guestFrame - (guestFrame % this.#largeSize);
    if (this.#largePages && this.#isLarge(first)) {
      const flags = MAPPED | Pte.LargePage;
      this.#write(guestFrame, 1, entryOf(this.#machineFrames[first], flags));
      return this.#largeSize;
    }
    this.#write(guestFrame, 0, entryOf(this.#machineFrames[guestFrame], MAPPED));
    return 1;
  }

  /** Whether guest frames from `first` on lie in machine memory one after the other, on a border of large pages. */
  #isLarge(first: number): boolean {
    const start = this.#machineFrames[first];
    if (start % this.#largeSize !== 0 || first + this.#largeSize > this.#machineFrames.length) return false;
    for (let i = 1; i < this.#largeSize; i++) {
      if (this.#machineFrames[first + i] !== start + i) return false;
    }
    return true;
  }

  /** Write the entry of a guest frame at a level, and make the tables above it. */
  #write(guestFrame: number, level: number, entry: number): void {
    const { memory } = this;
    let table = this.root;
    for (let upper = memory.format.levels - 1; upper > level; upper--) {
      const position = memory.position(table, memory.indexAt(guestFrame, upper));
      if ((memory.words[position] & Pte.Present) === 0) {
        memory.create(this.#tables);
        memory.words[position] = entryOf(this.#tables++, MAPPED);
      }
      table = frameOf(memory.words[position]);
    }
    memory.write(table, memory.indexAt(guestFrame, level), entry);
  }
}

/** Tables that a guest needs at most. */
function tablesFor(guestFrames: number, { levels, bitsPerLevel }: PageTableFormat): number {
  let tables = 0;
  for (let level = 1; level <= levels; level++)
    tables += Math.max(1, Math.ceil(guestFrames / 2 ** (level * bitsPerLevel)));
  return tables;
}
