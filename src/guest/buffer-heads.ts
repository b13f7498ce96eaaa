/**
 * What Linux 2.4 keeps of each page of a file in memory besides the page: the head of a buffer for each block of it (struct buffer_head,
 * fs/buffer.c). It lies in pages of the kernel's, which stay with it: with 40 clients of dbench and 256 MB all that it ever had were
 * still there when most of their heads were free (docs/dbench).
 */
import { type GuestPages, PageUse } from "./guest-pages.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

/** Of 96 bytes each, with what the allocator says of them: /proc/slabinfo has 59,040 in 1,476 pages. Blocks are of 4 KiB here, one a page. */
const HEADS_A_PAGE = 40;

export class BufferHeads {
  readonly #pages: GuestPages;
  readonly #physical: PhysicalMemory;
  #room = 0;

  constructor(pages: GuestPages, physical: PhysicalMemory) {
    this.#pages = pages;
    this.#physical = physical;
  }

  /** Have room for one more page of a file than there are. */
  prepare(): void {
    while (this.#room <= this.#pages.replacement.filePages) {
      const ppn = this.#pages.allocate(PageUse.Kernel, -1);
      // Without one, whoever asks for the page of the file will hear of it.
      if (ppn < 0) return;
      this.#physical.write(ppn, 0);
      this.#room += HEADS_A_PAGE;
    }
  }
}
