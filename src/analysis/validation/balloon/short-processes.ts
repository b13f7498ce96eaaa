/** Anonymous memory of the job's shell and of the processes that it starts; the benchmark and the compiler have theirs elsewhere. */
import type { AnonymousMemory } from "../../../guest/anonymous-memory.ts";
import { SHORT_AT } from "./measured-guest.ts";

/**
 * Pages that bash 5.2 writes again after it has forked a pipeline: its minor faults for each of twenty; and those that it uses, as counted when all
 * had been swapped (docs/balloon-job).
 */
const SHELL_WRITES = 37;
const SHELL_PAGES = 45;
/** Where the pages of the shell end, and those of short processes begin. */
const PROCESS_AT = SHORT_AT + 256;

/** As they fault for writing: cat and md5sum; gcc; as. */
const READER_PAGES = 69;
const GCC_PAGES = 52;
const ASSEMBLER_PAGES = 375;
/** What cat and md5sum had swapped in when they ended (docs/balloon-job). */
const READER_END_PAGES = 22;
/** What cat and md5sum read into: 128 and 32 KiB (coreutils 9.1, IO_BUFSIZE and BLOCKSIZE). */
const BUFFER_PAGES = 40;
const BUFFERS_AT = PROCESS_AT + READER_PAGES;
const ASSEMBLER_AT = PROCESS_AT + GCC_PAGES;

export class ShortProcesses {
  readonly #anonymous: AnonymousMemory;

  constructor(anonymous: AnonymousMemory) {
    this.#anonymous = anonymous;
  }

  /** The shell starts a program, or goes on when one has ended. Yields after each page. */
  *useShell(): Generator<void> {
    for (let page = 0; page < SHELL_PAGES; page++) {
      if (page < SHELL_WRITES) this.#anonymous.write(SHORT_AT + page, 1);
      else this.#anonymous.read(SHORT_AT + page);
      yield;
    }
  }

  startReaders(): void {
    this.#write(PROCESS_AT, READER_PAGES);
  }

  /** A part of a file goes through the buffers. */
  fillBuffers(): void {
    this.#write(BUFFERS_AT, BUFFER_PAGES);
  }

  /** What they use when they end. Yields after each page. */
  *useReaders(): Generator<void> {
    for (let page = 0; page < READER_END_PAGES; page++) {
      this.#anonymous.read(PROCESS_AT + page);
      yield;
    }
  }

  endReaders(): void {
    this.#anonymous.discardRange(PROCESS_AT, READER_PAGES + BUFFER_PAGES);
  }

  startGcc(): void {
    this.#write(PROCESS_AT, GCC_PAGES);
  }

  startAssembler(): void {
    this.#write(ASSEMBLER_AT, ASSEMBLER_PAGES);
  }

  endGccAndAssembler(): void {
    this.#anonymous.discardRange(PROCESS_AT, GCC_PAGES + ASSEMBLER_PAGES);
  }

  #write(first: number, pages: number): void {
    for (let page = first; page < first + pages; page++) this.#anonymous.write(page, 1);
  }
}
