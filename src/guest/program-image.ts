/** The image of a program: where its parts lie in an address space, in pages of virtual memory. */
import type { Layout } from "./kernel-version.ts";
import type { Region } from "./regions.ts";

/** Pages of program text and shared libraries that any process visits; they are part of the kernel's own memory here. */
export const PROGRAM_TEXT_PAGES = 96;
/** Private pages (data, library data, stack) of a process that is up and running. */
export const PROGRAM_PRIVATE_PAGES = 24;
/** Pages below the stack that are left free for it to grow. */
const STACK_ROOM = 1024;

export interface ProgramImage {
  readonly text: Region;
  readonly data: Region;
  readonly heap: Region;
  readonly stack: Region;
}

/** The most anonymous pages of {@link Layout.anonymousStart} on that have room: on IA-32 2.7 GiB. */
export function mostAnonymousPages({ stackEnd, anonymousStart }: Layout): number {
  return stackEnd - STACK_ROOM - anonymousStart;
}

/**
 * The image of a program that visits `pages` pages, `privatePages` of them private (without a number: a fourth). Half of
 * these are data, half stack; where there is a heap, it has half of the data's.
 */
export function programImage(pages: number, layout: Layout, ownPages = privatePages(pages)): ProgramImage {
  return imageOf(pages - ownPages, ownPages, layout);
}

/** The image of a service process. */
export function serviceImage(layout: Layout): ProgramImage {
  return imageOf(PROGRAM_TEXT_PAGES, PROGRAM_PRIVATE_PAGES, layout);
}

export function imageRegions(image: ProgramImage): Region[] {
  return [image.text, image.data, image.heap, image.stack].filter((region) => region.start < region.end);
}

/** Private pages of a program of so many pages, if nothing else is said. */
export function privatePages(pages: number): number {
  return Math.ceil(pages / 4);
}

function imageOf(textPages: number, privateCount: number, { textStart, heapGap, stackEnd }: Layout): ProgramImage {
  const stackPages = Math.floor(privateCount / 2);
  const heapPages = heapGap > 0 ? Math.floor((privateCount - stackPages) / 2) : 0;
  const dataStart = textStart + textPages;
  const dataEnd = dataStart + privateCount - stackPages - heapPages;
  const anonymous = { kind: "anonymous", writable: true } as const;
  return {
    text: { start: textStart, end: dataStart, kind: "text", writable: false },
    data: { start: dataStart, end: dataEnd, ...anonymous },
    heap: { start: dataEnd + heapGap, end: dataEnd + heapGap + heapPages, ...anonymous },
    stack: { start: stackEnd - stackPages, end: stackEnd, ...anonymous },
  };
}
