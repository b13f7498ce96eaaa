import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pageSharing } from "../../src/analysis/page-sharing.ts";
import type { PageSharing } from "../../src/analysis/page-sharing.ts";
import { readInputFile } from "../../src/experiment/input-files.ts";
import { ZERO_PAGE_FINGERPRINT } from "../../src/machine/content-ids.ts";
import { parseFingerprints } from "../../src/workload/readers/fingerprints.ts";
import { committed, guestMemory, hasCollection, readJson } from "./data-files.ts";
import type { MemoryTruth, SetTruth, SnapshotTruth } from "./data-files.ts";

const loaded = new Map<string, BigUint64Array>();

function load(folder: string, snapshot: string): BigUint64Array {
  const path = join(folder, `${snapshot}.fp.gz`);
  const fingerprints = loaded.get(path) ?? parseFingerprints(readInputFile(path).bytes, path);
  loaded.set(path, fingerprints);
  return fingerprints;
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}

/** The published figures of one VM, as our figures give them. */
function asSnapshotTruth(sharing: PageSharing): SnapshotTruth {
  const zeroContents = Math.min(sharing.zeroPages, 1);
  const zeroOnce = sharing.zeroPages === 1 ? 1 : 0;
  const once = (sharing.contentsByCopies.get(1) ?? 0) + zeroOnce;
  return {
    pages: sharing.pages,
    zero_pages: sharing.zeroPages,
    distinct_contents: sharing.distinctContents,
    distinct_nonzero_contents: sharing.distinctContents - zeroContents,
    contents_seen_once: once,
    contents_seen_twice_or_more: sharing.distinctContents - once,
    duplicate_pages_incl_zero: sharing.reclaimablePages,
    duplicate_nonzero_pages: sharing.split.intraVm,
    max_copies_nonzero: Math.max(...sharing.contentsByCopies.keys()),
  };
}

/** Published bins of contents by number of copies, the zero page included: "3-4", "4097+". */
function inBins(sharing: PageSharing, bins: readonly string[]): Record<string, number> {
  const copies = [...sharing.contentsByCopies, [sharing.zeroPages, 1] as const];
  return Object.fromEntries(
    bins.map((bin) => {
      const [low, high] = bin.endsWith("+") ? [Number.parseInt(bin, 10), Infinity] : bin.split("-").map(Number);
      return [bin, sum(copies.filter(([count]) => count >= low && count <= high).map(([, contents]) => contents))];
    }),
  );
}

function expectSet(sharing: PageSharing, truth: SetTruth): void {
  expect(sharing.pages).toBe(truth.pages);
  expect(sharing.zeroPages).toBe(truth.zero_pages);
  expect(sharing.distinctContents).toBe(truth.distinct_contents);
  expect(sharing.reclaimablePages).toBe(truth.reclaimable_pages);
  expect(sharing.split).toEqual({
    zeroPagesOverOne: truth.split.zero_pages_over_one_per_set,
    intraVm: truth.split.self_nonzero,
    interVm: truth.split.inter_vm_nonzero,
  });
  // The zero page, too, is present and shared in every published set.
  const unshared = sharing.contentsByCopies.get(1) ?? 0;
  expect(unshared).toBe(truth.ksm_prediction.pages_unshared);
  expect(sharing.distinctContents - unshared).toBe(truth.ksm_prediction.pages_shared);
  expect(sharing.reclaimablePages).toBe(truth.ksm_prediction.pages_sharing);
  expect(Object.fromEntries(sharing.contentsByVms)).toEqual(truth.nonzero_contents_by_number_of_vms);
  expect(inBins(sharing, Object.keys(truth.contents_by_copies))).toEqual(truth.contents_by_copies);
}

function holdsTo(truth: MemoryTruth, folder: string): void {
  test("the fingerprint of the zero page", () => {
    expect(ZERO_PAGE_FINGERPRINT.toString(16)).toBe(truth.zero_page_fingerprint_hex);
  });

  test.each(Object.keys(truth.snapshots))("snapshot %s", (name) => {
    expect(truth.snapshots[name]).toMatchObject(asSnapshotTruth(pageSharing([load(folder, name)])));
  });

  test.each(truth.sets.map((set) => [set.id, set] as const))("set %s", (_, set) => {
    const sharing = pageSharing(set.vms.map((vm) => load(folder, vm)));
    expectSet(sharing, set);
    const published = set.vms.map((vm) => truth.snapshots[vm]);
    expect(sharing.perVm).toEqual(
      published.map((vm) => ({ pages: vm.pages, zeroPages: vm.zero_pages, distinctContents: vm.distinct_contents })),
    );
  });
}

describe("committed fingerprints give the published figures", () => {
  holdsTo(readJson<MemoryTruth>(join(committed, "expected.json")), committed);
});

describe.skipIf(!hasCollection)("all fingerprints give the published figures (needs the full collection)", () => {
  const truth = hasCollection
    ? readJson<MemoryTruth>(join(guestMemory, "ground-truth.json"))
    : { zero_page_fingerprint_hex: "", snapshots: {}, sets: [] };
  holdsTo(truth, guestMemory);

  test("nonzero contents that pairs of guests have in common", () => {
    expect(truth.pairs_at_t3).toHaveLength(36);
    for (const { a, b, common_nonzero_contents } of truth.pairs_at_t3 ?? []) {
      expect(pageSharing([load(guestMemory, a), load(guestMemory, b)]).split.interVm).toBe(common_nonzero_contents);
    }
  });
});

describe("any set of VMs", () => {
  const fingerprint = fc.oneof(
    fc.constant(ZERO_PAGE_FINGERPRINT),
    fc.bigInt(0n, 12n),
    fc.bigInt(2n ** 63n, 2n ** 63n + 3n),
  );
  const vms = fc.array(fc.array(fingerprint, { maxLength: 40 }), { maxLength: 5 });

  test("is counted as a set of JavaScript counts it, and the input stays as it was", () => {
    fc.assert(
      fc.property(vms, (contents) => {
        const input = contents.map((vm) => BigUint64Array.from(vm));
        const sharing = pageSharing(input);
        const all = contents.flat();
        expect(sharing.pages).toBe(all.length);
        expect(sharing.zeroPages).toBe(all.filter((page) => page === ZERO_PAGE_FINGERPRINT).length);
        expect(sharing.distinctContents).toBe(new Set(all).size);
        expect(sharing.perVm.map((vm) => vm.distinctContents)).toEqual(contents.map((vm) => new Set(vm).size));
        expect(sum(Object.values(sharing.split))).toBe(sharing.reclaimablePages);
        expect(input).toEqual(contents.map((vm) => BigUint64Array.from(vm)));
      }),
    );
  });

  test("splits what it can reclaim by where the copies are", () => {
    const zero = ZERO_PAGE_FINGERPRINT;
    const sharing = pageSharing([
      BigUint64Array.of(zero, zero, 1n, 1n, 1n, 2n),
      BigUint64Array.of(zero, 1n, 2n, 3n, 3n),
    ]);
    // Kept: zero, 1, 2, 3. Spared: two zero pages; 1, 1 in the first VM and 3 in the second; 1 and 2 across them.
    expect(sharing.split).toEqual({ zeroPagesOverOne: 2, intraVm: 3, interVm: 2 });
    expect(sharing.reclaimablePages).toBe(7);
  });
});
