/** Guests that do nothing but hold memory: with contents as Gupta et al. 2008 counted them, and as they were found in real ones. */
import { join } from "node:path";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import { readInputFile } from "../../experiment/input-files.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../workload/operation-stream.ts";
import { ZERO_PAGE_FINGERPRINT } from "../../machine/content-ids.ts";
import { parseFingerprints } from "../../workload/readers/fingerprints.ts";

/** A guest that was paused: all its memory is kernel memory, which it does not touch. */
export function pausedGuest(
  name: string,
  contents: BigUint64Array,
  seconds: number,
  compressedSizes?: Uint8Array,
): CompiledWorkload {
  const guest = {
    memoryPages: contents.length,
    kernelPages: contents.length - PAGES_PER_MIB,
    processes: 1,
    anonymousPages: 0,
    residentAnonymousPages: 0,
    filePages: 0,
    residentFilePages: 0,
    swapPages: 0,
    threads: 1,
    contents,
    ...(compressedSizes !== undefined && { compressedSizes }),
  };
  return { name, guest, stream: new OperationStreamBuilder().finish(), durationUs: 1e6 * seconds, warmupUs: 0 };
}

function snapshotFile(name: string, kind: string): string {
  return join(PACKAGE_ROOT, "workloads/data", `${name}.t3.${kind}.gz`);
}

/** Two minutes of a guest of 256 MiB: see workloads/data/README.md. */
function snapshot(name: string): BigUint64Array {
  const file = snapshotFile(name, "fp");
  return parseFingerprints(readInputFile(file).bytes, file);
}

export function snapshotGuest(name: string, seconds: number): CompiledWorkload {
  return pausedGuest(name, snapshot(name), seconds, readInputFile(snapshotFile(name, "csize")).bytes);
}

const RUN_PAGES = 32;
/** By disk image, the guest whose memory is used up: 5 MB are free, by its own count. */
const USED_UP: Readonly<Record<string, string>> = { d12: "d12-postgres-a" };

/**
 * Such guests when they have been up for long, with so many pages in all: what was free has gone to the page cache, which Linux
 * lets grow until memory is full, in equal parts. The files that each has read since are its own: assumed.
 *
 * Free is not only what is zero. By their own count guests of 256 MiB that are idle have 128 MB free, of which 85 are zero; the
 * others still hold what the boot left there, the same in all guests from one image, as does cache that nobody maps. Of what
 * guests have in common with others they therefore keep what the one has whose memory is used up: 60 to 81 MB less, where by
 * their own counts 65 to 98 are free without being zero, or are cache that is not mapped.
 */
export function agedGuests(names: readonly string[], pages: number, seconds: number): readonly CompiledWorkload[] {
  const kept = names.map((name) => lasting(name, names));
  const used = kept.reduce((sum, { length }) => sum + length, 0);
  if (used > pages) throw new RangeError(`${pages} pages for guests that use ${used}`);
  const cache = Math.floor((pages - used) / names.length);
  return names.map((name, i) => agedGuest(name, kept[i], cache, seconds));
}

/** Its page cache grows over nothing. */
function agedGuest(name: string, used: BigUint64Array, filePages: number, seconds: number): CompiledWorkload {
  const contents = new BigUint64Array(used.length + filePages).fill(ZERO_PAGE_FINGERPRINT);
  contents.set(used);
  const stream = new OperationStreamBuilder();
  for (let page = 0; page < filePages; page += RUN_PAGES) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.ReadFile, page, Math.min(RUN_PAGES, filePages - page));
  }
  const paused = pausedGuest(name, contents, seconds);
  return { ...paused, guest: { ...paused.guest, kernelPages: used.length, filePages }, stream: stream.finish() };
}

/** What stays of a guest's contents: all that only it has, and of what others from the same image have as well what lasts there. */
function lasting(name: string, names: readonly string[]): BigUint64Array {
  const image = name.split("-")[0];
  const model = USED_UP[image];
  const contents = snapshot(name).filter((fingerprint) => fingerprint !== ZERO_PAGE_FINGERPRINT);
  if (model === undefined || model === name) return contents;
  const others = names.filter((other) => other !== name && other.startsWith(`${image}-`));
  const common = new Set(others.flatMap((other) => [...snapshot(other)]));
  const left = copies(snapshot(model));
  return contents.filter((fingerprint) => {
    if (!common.has(fingerprint)) return true;
    const count = left.get(fingerprint) ?? 0;
    left.set(fingerprint, count - 1);
    return count > 0;
  });
}

function copies(contents: BigUint64Array): Map<bigint, number> {
  const found = new Map<bigint, number>();
  for (const fingerprint of contents) found.set(fingerprint, (found.get(fingerprint) ?? 0) + 1);
  return found;
}

/**
 * Three VMs of 512 MB with Windows XP, Debian and Slackware (Gupta et al. 2010, Table 1), counted together: here each has a third
 * of each kind of page.
 */
export const TABLE_1 = { pages: 393_120, unique: 191_646, shared: 52_436, sharedContents: 3577 } as const;
const VMS = 3;

export function table1Guests(seconds: number): readonly CompiledWorkload[] {
  return Array.from({ length: VMS }, (_, vm) => pausedGuest(`table-1-${vm}`, table1Contents(vm).contents, seconds));
}

/** Contents of one of the three, and how many of its pages, the first ones, are not zero. */
export function table1Contents(vm: number): { readonly contents: BigUint64Array; readonly inUse: number } {
  const contents = new BigUint64Array(TABLE_1.pages / VMS).fill(ZERO_PAGE_FINGERPRINT);
  const shared = share(TABLE_1.shared, vm);
  const unique = share(TABLE_1.unique, vm);
  for (let i = shared.from; i < shared.to; i++) {
    contents[i - shared.from] = BigInt(1 + (i % TABLE_1.sharedContents));
  }
  const first = shared.to - shared.from;
  for (let i = unique.from; i < unique.to; i++) {
    contents[first + i - unique.from] = BigInt(1 + TABLE_1.sharedContents + i);
  }
  return { contents, inUse: first + unique.to - unique.from };
}

function share(pages: number, vm: number): { readonly from: number; readonly to: number } {
  return { from: Math.floor((pages * vm) / VMS), to: Math.floor((pages * (vm + 1)) / VMS) };
}
