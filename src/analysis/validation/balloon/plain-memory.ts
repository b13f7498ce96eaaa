import type { PhysicalMemory } from "../../../guest/physical-memory.ts";

/** Physical memory of a guest with a machine of its own: every page is there. */
export class PlainMemory implements PhysicalMemory {
  readonly #contents: Uint32Array;

  constructor(pages: number) {
    this.#contents = new Uint32Array(pages);
  }

  /** There is nothing behind them. */
  lookAhead(): number {
    return 0;
  }

  read(ppn: number): number {
    return this.#contents[ppn];
  }

  touch(): void {}

  isSettled(): boolean {
    return true;
  }

  write(ppn: number, content: number): void {
    this.#contents[ppn] = content;
  }

  writeSettled(ppn: number, content: number): void {
    this.write(ppn, content);
  }

  readForDisk(ppn: number): number {
    return this.read(ppn);
  }

  writeFromDisk(ppn: number, content: number): void {
    this.write(ppn, content);
  }

  release(ppn: number): void {
    this.#contents[ppn] = 0;
  }

  /** The balloon gives back what nobody has written to. */
  reclaim(ppn: number): void {
    this.#contents[ppn] = 0;
  }
}
