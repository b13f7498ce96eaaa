/** Where the tests find real inputs: a selection in the repository, and the full collection beside it on some machines. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

export const committed = join(root, "workloads/data");
const collection = join(root, "../shared/data");
export const guestMemory = join(collection, "guest-memory");
export const traces = join(collection, "traces");
export const touchedPages = join(collection, "touched-pages");
export const hasTouchedPages = existsSync(join(touchedPages, "ground-truth.json"));
export const hasCollection =
  existsSync(join(guestMemory, "ground-truth.json")) && existsSync(join(traces, "summary.json"));

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

export interface SnapshotTruth {
  readonly pages: number;
  readonly zero_pages: number;
  readonly distinct_contents: number;
  readonly distinct_nonzero_contents: number;
  readonly contents_seen_once: number;
  readonly contents_seen_twice_or_more: number;
  readonly duplicate_pages_incl_zero: number;
  readonly duplicate_nonzero_pages: number;
  readonly max_copies_nonzero: number;
}

export interface SetTruth {
  readonly id: string;
  readonly vms: readonly string[];
  readonly pages: number;
  readonly zero_pages: number;
  readonly distinct_contents: number;
  readonly reclaimable_pages: number;
  readonly reclaimable_nonzero_pages: number;
  readonly split: {
    readonly zero_pages_over_one_per_set: number;
    readonly self_nonzero: number;
    readonly inter_vm_nonzero: number;
  };
  readonly ksm_prediction: {
    readonly pages_shared: number;
    readonly pages_sharing: number;
    readonly pages_unshared: number;
  };
  readonly nonzero_contents_by_number_of_vms: Readonly<Record<string, number>>;
  readonly contents_by_copies: Readonly<Record<string, number>>;
}

export interface PairTruth {
  readonly a: string;
  readonly b: string;
  readonly common_nonzero_contents: number;
}

export interface MemoryTruth {
  readonly zero_page_fingerprint_hex: string;
  readonly snapshots: Readonly<Record<string, SnapshotTruth>>;
  readonly sets: readonly SetTruth[];
  readonly pairs_at_t3?: readonly PairTruth[];
}

export interface TraceTruth {
  readonly file: string;
  readonly refs: number;
  readonly instr: number;
  readonly load: number;
  readonly store: number;
  readonly modify: number;
  readonly page_crossing_refs: number;
  readonly page_touches: number;
  readonly distinct_pages: number;
  readonly distinct_pages_written: number;
  readonly distinct_pages_instr: number;
  readonly distinct_pages_data: number;
  readonly page_runs: number;
  readonly lru: Readonly<Record<string, { readonly misses: number; readonly miss_ratio: number }>>;
}

export interface TracesTruth {
  readonly traces: Readonly<Record<string, TraceTruth>>;
}

/** What a Linux kernel's KSM counted; see workloads/data/README.md. */
export interface KsmRunTruth {
  readonly id: string;
  /** CPU time of the scanner in each stage. */
  readonly ksmd_cpu_s: readonly number[];
  readonly settings: {
    readonly pages_to_scan: number;
    readonly max_page_sharing: number;
    readonly use_zero_pages: number;
    readonly smart_scan: number;
  };
  /** Snapshots of each VM, one a stage. */
  readonly vms: readonly (readonly string[])[];
  readonly stages: readonly {
    readonly pages_rewritten?: readonly number[];
    readonly cow_faults?: readonly number[];
    readonly pages_scanned: number;
    readonly full_scans: number;
    readonly pages_shared: number;
    readonly pages_sharing: number;
    readonly pages_unshared: number;
    readonly pages_volatile: number;
    readonly ksm_zero_pages: number;
    readonly stable_node_chains: number;
    readonly stable_node_dups: number;
    readonly general_profit_bytes: number;
    readonly pages_skipped: number;
  }[];
  /** Stage, pages scanned, full scans, pages shared, sharing, unshared, volatile, zero pages. */
  readonly samples: readonly (readonly number[])[];
}

export interface KsmRunsTruth {
  readonly runs: readonly KsmRunTruth[];
}

interface TouchCounts {
  readonly touched: number;
  readonly written: number;
}

export interface TouchesTruth {
  readonly guests: Readonly<
    Record<
      string,
      {
        readonly file: string;
        readonly windows_5s: readonly (TouchCounts & { readonly read: number; readonly executed: number })[];
        /** Six windows of 5 s each. */
        readonly windows_30s: readonly (TouchCounts & { readonly intervals: string })[];
        readonly whole_120s: TouchCounts;
      }
    >
  >;
}
