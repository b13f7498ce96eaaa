/**
 * A workload as plain immutable data: what a guest looks like and what is asked of it. Descriptions (YAML) become this,
 * `compile.ts` turns it into an operation stream. Pages are 4 KiB, times are microseconds, shares are fractions.
 */
import type { CpuEntitlement, GuestShape } from "./compiled-workload.ts";

/** Where a draw falls within a range of pages (or, for files, of runs of pages). */
export type PagePattern =
  | { readonly kind: "sequential" }
  | { readonly kind: "uniform" }
  /** The k-th most popular has weight k^-exponent; the popular ones are scattered over the range. */
  | { readonly kind: "zipf"; readonly exponent: number };

/** An amount drawn anew each time. */
export interface Amount {
  readonly mean: number;
  readonly spread: "fixed" | "exponential";
}

export interface PageRange {
  readonly fromPage: number;
  readonly pages: number;
}

export type TouchContent = "unique" | "zero" | "common";

export type StepAction =
  | { readonly kind: "compute"; readonly cycles: Amount }
  /** The guest kernel computes, within a system call. */
  | { readonly kind: "kernel"; readonly cycles: Amount }
  | {
      readonly kind: "touch";
      readonly count: number;
      readonly range: PageRange;
      readonly pattern: PagePattern;
      readonly writeShare: number;
      readonly content: TouchContent;
      /** User code run on each page, in cycles. */
      readonly cyclesPerPage: number;
    }
  | { readonly kind: "syscall"; readonly call: number }
  /** The steps run in the child, which then exits. */
  | { readonly kind: "fork"; readonly child: readonly Step[] }
  | { readonly kind: "exec"; readonly pages: number }
  | { readonly kind: "mmap"; readonly range: PageRange; readonly fileBacked: boolean }
  | { readonly kind: "munmap"; readonly range: PageRange }
  | { readonly kind: "mprotect"; readonly range: PageRange; readonly writable: boolean }
  | { readonly kind: "switch"; readonly process: number }
  | { readonly kind: "signal"; readonly deliver: boolean }
  /** One run of consecutive pages; the pattern chooses which run of the range. */
  | { readonly kind: "read-file"; readonly run: number; readonly range: PageRange; readonly pattern: PagePattern }
  | {
      readonly kind: "write-file";
      readonly run: number;
      readonly range: PageRange;
      readonly pattern: PagePattern;
      readonly sync: boolean;
      /** The run is a file that is made anew, in place of one that was there before. */
      readonly isNew: boolean;
    }
  | { readonly kind: "send"; readonly bytes: Amount }
  | { readonly kind: "receive"; readonly bytes: Amount };

/** With probability `chance`, the action `times` times. */
export interface Step {
  readonly action: StepAction;
  readonly times: number;
  readonly chance: number;
}

export type Arrivals =
  /** Exponential gaps. */
  | { readonly kind: "random"; readonly perSecond: number; readonly fromUs: number; readonly untilUs: number }
  /** Equal gaps, with a phase that differs from guest to guest. */
  | { readonly kind: "periodic"; readonly everyUs: number; readonly fromUs: number; readonly untilUs: number }
  | { readonly kind: "once"; readonly atUs: number };

export interface Activity {
  readonly name: string;
  readonly steps: readonly Step[];
}

export interface OpenActivity extends Activity {
  readonly arrivals: Arrivals;
}

export interface ClosedActivity extends Activity {
  /** Probability that a request is of this kind; the shares of a workload add up to 1. */
  readonly share: number;
}

export type Work =
  /** Requests arrive at given times, whether or not the guest keeps up. */
  | { readonly kind: "open"; readonly activities: readonly OpenActivity[] }
  /** Each client sends its next request when the previous one has ended and it has thought. */
  | {
      readonly kind: "closed";
      readonly requests: number;
      readonly thinkUs: Amount;
      readonly activities: readonly ClosedActivity[];
    }
  /** A recorded reference trace; `file` as the description names it. */
  | { readonly kind: "trace"; readonly file: string; readonly cyclesPerInstruction: number };

/** The guest as described: its shape, but contents by name and not yet read. */
export interface GuestPlan
  extends Omit<GuestShape, "contents" | "compressedSizes" | "memory" | "driver" | "statistics" | "cpu"> {
  /** Fingerprint files as the description names them; guest i starts with the contents of entry i mod n. */
  readonly contents: readonly string[];
  /** Files with the sizes of their pages once compressed, one for each of the contents; empty: not measured. */
  readonly compressedSizes: readonly string[];
  /** What guests are entitled to; guest i to entry i mod n. */
  readonly cpu?: readonly CpuEntitlement[];
}

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly guest: GuestPlan;
  /** 0: until the stream ends. */
  readonly durationUs: number;
  readonly warmupUs: number;
  readonly work: Work;
}
