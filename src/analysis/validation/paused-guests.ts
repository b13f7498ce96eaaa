/** Guests that do nothing but hold memory: with contents as Gupta et al. 2008 counted them, and as they were found in real ones. */
import { join } from "node:path";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import { readInputFile } from "../../experiment/input-files.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../workload/operation-stream.ts";
import { parseFingerprints, ZERO_PAGE_FINGERPRINT } from "../../workload/readers/fingerprints.ts";

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
    ...(compressedSizes === undefined ? {} : { compressedSizes }),
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

/**
 * The same guest when it has been up for long: what was still free has gone to the page cache, which Linux lets grow until memory
 * is full. The files that it has read since are its own: assumed. (The snapshots that led to this one show the way: within
 * two minutes the guests that work have come down from 20,000 zero pages to 4,000 to 9,000.)
 */
export function agedGuest(name: string, seconds: number): CompiledWorkload {
  const contents = snapshot(name);
  const used = contents.reduce((pages, fingerprint) => pages + (fingerprint === ZERO_PAGE_FINGERPRINT ? 0 : 1), 0);
  const filePages = contents.length - used;
  const paused = pausedGuest(name, contents, seconds);
  const stream = new OperationStreamBuilder();
  for (let page = 0; page < filePages; page += RUN_PAGES) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.ReadFile, page, Math.min(RUN_PAGES, filePages - page));
  }
  return { ...paused, guest: { ...paused.guest, kernelPages: used, filePages }, stream: stream.finish() };
}

/**
 * Three VMs of 512 MB with Windows XP, Debian and Slackware (Gupta et al. 2010, Table 1), counted together: here each has a third
 * of each kind of page.
 */
export const TABLE_1 = { pages: 393_120, unique: 191_646, shared: 52_436, sharedContents: 3577 } as const;
const VMS = 3;

export function table1Guests(seconds: number): readonly CompiledWorkload[] {
  return Array.from({ length: VMS }, (_, vm) => {
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
    return pausedGuest(`table-1-${vm}`, contents, seconds);
  });
}

function share(pages: number, vm: number): { readonly from: number; readonly to: number } {
  return { from: Math.floor((pages * vm) / VMS), to: Math.floor((pages * (vm + 1)) / VMS) };
}
