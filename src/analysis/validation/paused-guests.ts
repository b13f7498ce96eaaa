/** Guests that do nothing but hold memory: with contents as Gupta et al. 2008 counted them, and as they were found in real ones. */
import { join } from "node:path";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import { readInputFile } from "../../experiment/input-files.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { OperationStreamBuilder } from "../../workload/operation-stream.ts";
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

/** Two minutes of a guest of 256 MiB: see workloads/data/README.md. */
export function snapshotGuest(name: string, seconds: number): CompiledWorkload {
  const file = (kind: string): string => join(PACKAGE_ROOT, "workloads/data", `${name}.t3.${kind}.gz`);
  const contents = parseFingerprints(readInputFile(file("fp")).bytes, file("fp"));
  return pausedGuest(name, contents, seconds, readInputFile(file("csize")).bytes);
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
