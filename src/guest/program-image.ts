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
 * How a static program of glibc 2.36 is cut into mappings of its own (readelf -l): headers, code, constants; data that
 * becomes read-only, data, data without contents. Above the stack lie the kernel's two: what it shares, and its code.
 */
const HEADER_PAGES = 1;
const CODE_SHARE = 0.8;
const READ_ONLY_DATA_PAGES = 4;
const INITIALIZED_DATA_PAGES = 3;
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
 * The image of a program that visits `pages` pages, `privatePages` of them private (without a number: a fourth). Half of
 * these are data, half stack; of a program with a heap each a fifth is stack and heap.
 */
export function programImage(pages: number, layout: Layout, ownPages = privatePages(pages)): ProgramImage {
  return imageOf(pages - ownPages, ownPages, layout);
}

/** The image of a service process. */
export function serviceImage(layout: Layout): ProgramImage {
  return imageOf(PROGRAM_TEXT_PAGES, PROGRAM_PRIVATE_PAGES, layout);
}

/** Private pages of a program of so many pages, if nothing else is said. */
export function privatePages(pages: number): number {
  return Math.ceil(pages / 4);
}

function imageOf(textPages: number, privateCount: number, layout: Layout): ProgramImage {
  const { textStart, heapGap, stackEnd, hasSegments } = layout;
  const stackPages = Math.floor(privateCount / (hasSegments ? 5 : 2));
  const heapPages = heapGap > 0 ? stackPages : 0;
  const dataPages = privateCount - stackPages - heapPages;
  const dataStart = textStart + textPages;
  const heapStart = dataStart + dataPages + heapGap;
  const codeEnd = textStart + HEADER_PAGES + Math.floor((textPages - HEADER_PAGES) * CODE_SHARE);
  const text = hasSegments ? [textStart + HEADER_PAGES, codeEnd] : [];
  const data = hasSegments
    ? [dataStart + READ_ONLY_DATA_PAGES, dataStart + READ_ONLY_DATA_PAGES + INITIALIZED_DATA_PAGES]
    : [];
  const stack: Region = { start: stackEnd - stackPages, end: stackEnd, kind: "anonymous", writable: true };
  const parts = [
    ...cut(textStart, dataStart, text, { kind: "text", writable: false }),
    ...cut(dataStart, dataStart + dataPages, data, { kind: "anonymous", writable: true }),
    ...cut(heapStart, heapStart + heapPages, [], { kind: "anonymous", writable: true }),
    stack,
    ...(hasSegments ? sharedByKernel(stackEnd) : []),
  ];
  return { regions: parts.filter(({ start, end }) => start < end), stack };
}

/** [start, end) cut at borders, as far as they lie within. */
function cut(start: number, end: number, borders: number[], what: Pick<Region, "kind" | "writable">): Region[] {
  const edges = [start, ...borders.filter((border) => border > start && border < end), end];
  return edges.slice(1).map((edge, i) => ({ start: edges[i], end: edge, ...what }));
}

function sharedByKernel(stackEnd: number): Region[] {
  const start = stackEnd + SHARED_BY_KERNEL.gap;
  const end = start + SHARED_BY_KERNEL.pages;
  return [
    { start, end, kind: "special", writable: false },
    { start: end, end: end + SHARED_BY_KERNEL.codePages, kind: "text", writable: false },
  ];
}
