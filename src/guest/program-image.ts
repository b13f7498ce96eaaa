/** Where the parts of a process lie, in pages of virtual memory: the layout of Linux 2.4 on IA-32. */
import type { Region } from "./regions.ts";

/** Program text starts at 0x08048000. */
const TEXT_START = 0x08048;
/** The kernel's part of the address space begins at 3 GiB. */
export const USER_END = 0xc0000;
/** The stack ends below 0xC0000000, where the kernel begins. */
const STACK_END = 0xbfff0;
/** Anonymous page 0 of Op.Touch; at 256 MiB, on the border of a page table. */
export const ANONYMOUS_START = 0x10000;
/** Up to 4 MiB below the end of the stack: 2.7 GiB. */
export const MOST_ANONYMOUS_PAGES = STACK_END - 1024 - ANONYMOUS_START;

/** Pages of program text and shared libraries that any process visits; they are part of the kernel's own memory here. */
export const PROGRAM_TEXT_PAGES = 96;
/** Private pages (data, library data, stack) of a process that is up and running. */
export const PROGRAM_PRIVATE_PAGES = 24;

export interface ProgramImage {
  readonly text: Region;
  readonly data: Region;
  readonly stack: Region;
}

/** The image of a program that visits `pages` pages; a fourth of them is private, half of that data and half stack. */
export function programImage(pages: number): ProgramImage {
  const privatePages = Math.ceil(pages / 4);
  return imageOf(pages - privatePages, privatePages);
}

/** The image of a service process. */
export function serviceImage(): ProgramImage {
  return imageOf(PROGRAM_TEXT_PAGES, PROGRAM_PRIVATE_PAGES);
}

export function imageRegions(image: ProgramImage): Region[] {
  return [image.text, image.data, image.stack].filter((region) => region.start < region.end);
}

function imageOf(textPages: number, privatePages: number): ProgramImage {
  const stackPages = Math.floor(privatePages / 2);
  const dataStart = TEXT_START + textPages;
  return {
    text: { start: TEXT_START, end: dataStart, kind: "text", writable: false },
    data: { start: dataStart, end: dataStart + privatePages - stackPages, kind: "anonymous", writable: true },
    stack: { start: STACK_END - stackPages, end: STACK_END, kind: "anonymous", writable: true },
  };
}
