/** The image of a program: where its parts lie in an address space, in pages of virtual memory. */
import type { Layout } from "./kernel-version.ts";
import type { Region } from "./regions.ts";

/** Pages of program text and shared libraries that any process visits; they are part of the kernel's own memory here. */
export const PROGRAM_TEXT_PAGES = 96;
/** Private pages (data, library data, stack) of a process that is up and running. */
export const PROGRAM_PRIVATE_PAGES = 24;
/** Pages below the stack that are left free for it to grow. */
const STACK_ROOM = 1024;

/**
 * How a static program of glibc 2.36 is cut into mappings of its own (readelf -l): headers, code, constants; data that its
 * file has, the first pages of which become read-only; data without contents. Above the stack lie the kernel's two: what it
 * shares, and its code.
 */
const HEADER_PAGES = 1;
const CODE_SHARE = 0.79;
/** Of code and constants only what is visited is in an image: whole windows of what a fault maps around, as in both programs that were traced. */
const SEGMENT_ALIGNMENT = 16;
/** Of a small C program. */
export const RELOCATED_PAGES = 4;
const INITIALIZED_DATA_PAGES = 3;
/** Pages that a program uses while it starts: of its stack that with the arguments, and two in 6 of 10 starts, one in the others. */
const START_STACK_PAGES = 3;
const START_HEAP_PAGES = 2;
const SHARED_BY_KERNEL = { gap: 64, pages: 4, codePages: 1 };

export interface ProgramImage {
  /** All parts, in order, none of them empty. */
  readonly regions: readonly Region[];
  readonly stack: Region;
}

/** The most anonymous pages of {@link Layout.anonymousStart} on that have room: on IA-32 2.7 GiB. */
export function mostAnonymousPages({ stackEnd, anonymousStart }: Layout): number {
  return stackEnd - STACK_ROOM - anonymousStart;
}

/**
 * The image of a program that visits `pages` pages, `ownPages` of them private (without a number: a fourth), `relocated` of
 * those read-only once they are relocated, `heapPages` of the heap. Without segments half of the private ones are data, half stack.
 */
export function programImage(
  pages: number,
  layout: Layout,
  ownPages = privatePages(pages),
  relocated = RELOCATED_PAGES,
  heapPages = START_HEAP_PAGES,
): ProgramImage {
  return imageOf(pages - ownPages, ownPages, layout, relocated, heapPages);
}

/** The image of a service process. */
export function serviceImage(layout: Layout): ProgramImage {
  return imageOf(PROGRAM_TEXT_PAGES, PROGRAM_PRIVATE_PAGES, layout, RELOCATED_PAGES, START_HEAP_PAGES);
}

/** Private pages of a program of so many pages, if nothing else is said. */
export function privatePages(pages: number): number {
  return Math.ceil(pages / 4);
}

function imageOf(
  textPages: number,
  privateCount: number,
  layout: Layout,
  relocated: number,
  heap: number,
): ProgramImage {
  const { textStart, heapGap, stackEnd, hasSegments } = layout;
  const stackPages = hasSegments ? Math.min(START_STACK_PAGES, privateCount) : Math.floor(privateCount / 2);
  const heapPages = heapGap > 0 ? Math.min(heap, privateCount - stackPages) : 0;
  const dataPages = privateCount - stackPages - heapPages;
  const texts = hasSegments ? textSegments(textStart, textPages) : [{ start: textStart, end: textStart + textPages }];
  const dataStart = texts[texts.length - 1].end;
  const heapStart = dataStart + dataPages + heapGap;
  const bssStart = hasSegments
    ? Math.min(dataStart + relocated + INITIALIZED_DATA_PAGES, dataStart + dataPages)
    : dataStart;
  const stack: Region = { start: stackEnd - stackPages, end: stackEnd, kind: "anonymous", writable: true };
  const parts: Region[] = [
    ...texts.map((text): Region => ({ ...text, kind: "text", writable: false })),
    { start: dataStart, end: bssStart, kind: "anonymous", writable: true, ofFile: true },
    { start: bssStart, end: dataStart + dataPages, kind: "anonymous", writable: true },
    { start: heapStart, end: heapStart + heapPages, kind: "anonymous", writable: true },
    stack,
    ...(hasSegments ? sharedByKernel(stackEnd) : []),
  ];
  return { regions: parts.filter(({ start, end }) => start < end), stack };
}

/** Headers, code and constants. */
function textSegments(start: number, pages: number): { readonly start: number; readonly end: number }[] {
  const headerEnd = start + HEADER_PAGES;
  const codePages = Math.floor((pages - HEADER_PAGES) * CODE_SHARE);
  const code = aligned(headerEnd);
  const constants = aligned(code + codePages);
  return [
    { start, end: headerEnd },
    { start: code, end: code + codePages },
    { start: constants, end: constants + pages - HEADER_PAGES - codePages },
  ];
}

function aligned(page: number): number {
  return Math.ceil(page / SEGMENT_ALIGNMENT) * SEGMENT_ALIGNMENT;
}

function sharedByKernel(stackEnd: number): Region[] {
  const start = stackEnd + SHARED_BY_KERNEL.gap;
  const end = start + SHARED_BY_KERNEL.pages;
  return [
    { start, end, kind: "special", writable: false },
    { start: end, end: end + SHARED_BY_KERNEL.codePages, kind: "text", writable: false },
  ];
}

/** The longest part of text: the program's code. */
export function codeOf(regions: readonly Region[]): Region | undefined {
  const texts = regions.filter(({ kind }) => kind === "text");
  return texts.reduce<Region | undefined>((longest, next) => {
    return longest === undefined || size(next) > size(longest) ? next : longest;
  }, undefined);
}

function size({ start, end }: Region): number {
  return end - start;
}
