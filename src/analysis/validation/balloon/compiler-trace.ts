/**
 * What a run of the compiler touches: cc1 of gcc 12.2 on Debian 12, compiling lapi.c of Lua with -O1, as valgrind 3.19 lackey
 * prints its references (893,386,255 instructions), page by page. `validation/cc1.pages.gz` is gzip of 16-bit little-endian
 * numbers: how many files, pages of each, then windows.
 */
import { sum } from "../../../core/sum.ts";
import { join } from "node:path";
import { PACKAGE_ROOT } from "../../../experiment/catalogue.ts";
import { readInputFile } from "../../../experiment/input-files.ts";
import { Time } from "./paging-time.ts";

export interface CompilerTrace {
  /** Pages of the files that it maps, one after the other. Those from {@link sharedFrom} on the services of a guest map, too. */
  readonly filePages: readonly number[];
  readonly sharedFrom: number;
  /** For each window of so many instructions a count, then pages in order of first use, their kind in the upper two bits. */
  readonly windows: Uint16Array;
  readonly windowInstructions: number;
}

/** cc1 and the libraries of mathematics; then the C library and others. */
const OWN_FILES = 5;
const SHARED_FILES = [
  "LC_CTYPE",
  "SYS_LC_MESSAGES",
  "gconv-modules.cache",
  "ld-linux-x86-64.so.2",
  "libc.so.6",
  "libm.so.6",
  "libz.so.1.2.13",
  "libzstd.so.1.5.4",
];
const WINDOW_INSTRUCTIONS = 4e6;
const RECORDED_INSTRUCTIONS = 893_386_255;

export function readCompilerTrace(): CompilerTrace {
  const { bytes } = readInputFile(join(PACKAGE_ROOT, "validation/cc1.pages.gz"));
  const words = new Uint16Array(Uint8Array.from(bytes).buffer);
  const files = words[0];
  const filePages = [...words.subarray(1, 1 + files)];
  return {
    filePages,
    sharedFrom: OWN_FILES,
    windows: words.subarray(1 + files),
    windowInstructions: WINDOW_INSTRUCTIONS,
  };
}

/** What gcc does with a file of Lua, as a share of what it does with the one whose compilation was recorded. */
export interface Compilation {
  readonly instructions: number;
  /** Nanoseconds that gcc and as take for themselves, their faults not among them. */
  readonly others: number;
  readonly privatePages: number;
}

/**
 * Instructions (a nanosecond each) and page faults of gcc -O1 for lapi.c, lauxlib.c, lbaselib.c and lcode.c, where memory is plenty and
 * nothing else runs (docs/balloon-job/compile.sh). Assumed: the others go through the phases of the first, and a fault less is a private
 * page less.
 */
const RECORDED_MS = 956;
const RECORDED_FAULTS = 4600;
const RECORDED_PRIVATE_PAGES = 3371;
/** Of that time, what is not cc1's and not that of faults. */
const RECORDED_OTHERS = RECORDED_MS * 1e6 - RECORDED_INSTRUCTIONS - RECORDED_FAULTS * Time.minorFault;
const MEASURED = [
  { ms: RECORDED_MS, faults: RECORDED_FAULTS },
  { ms: 675, faults: 3661 },
  { ms: 417, faults: 3110 },
  { ms: 967, faults: 4883 },
];

export const COMPILATIONS: readonly Compilation[] = MEASURED.map(({ ms, faults }) => ({
  instructions: ms / RECORDED_MS,
  others: (RECORDED_OTHERS * ms) / RECORDED_MS,
  privatePages: 1 + (faults - RECORDED_FAULTS) / RECORDED_PRIVATE_PAGES,
}));

export const PageKind = { Data: 0, Text: 1, PrivateRead: 2, PrivateWrite: 3 } as const;
export const KIND_SHIFT = 14;
export const PAGE_MASK = 0x3fff;

/** Where the files that the compiler maps are in the guest's file set: its own from page `at` on, shared ones at the beginning. */
export class CompilerFiles {
  readonly at: Int32Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Those that others map, too, by name: where they begin and end. */
  readonly shared: ReadonlyMap<string, { readonly from: number; readonly to: number }>;
  /** End of the file set. */
  readonly end: number;

  constructor({ filePages, sharedFrom }: CompilerTrace, at: number) {
    const pages = sum(filePages);
    this.at = new Int32Array(pages);
    this.from = new Int32Array(pages);
    this.to = new Int32Array(pages);
    let own = at;
    let shared = 0;
    let page = 0;
    const byName = new Map<string, { readonly from: number; readonly to: number }>();
    for (const [file, count] of filePages.entries()) {
      const start = file < sharedFrom ? own : shared;
      if (file < sharedFrom) own += count;
      else {
        byName.set(SHARED_FILES[file - sharedFrom], { from: shared, to: shared + count });
        shared += count;
      }
      for (let i = 0; i < count; i++, page++) {
        this.at[page] = start + i;
        this.from[page] = start;
        this.to[page] = start + count;
      }
    }
    this.shared = byName;
    this.end = own;
  }
}
