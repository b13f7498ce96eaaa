/**
 * Why memory went where it went: what the parts that decide about it tell of each decision, to whoever asks. Nobody asks in
 * an ordinary run, and then nothing of this is made: every place that tells looks for an observer first.
 */

import type { DOM0 } from "./driver-domain.ts";

/** Figures by name; the name ends with the unit (`free_mib`, `swapped_out_pages`), or has none. */
export type Figures = Readonly<Record<string, number | string | boolean>>;

export interface MemoryDecision {
  /** The part that decided. */
  readonly by: string;
  /** Its rule, in its own words. */
  readonly rule: string;
  /** Number of the VM that it is about, or the domain with the drivers; absent: the host. */
  readonly vm?: number | typeof DOM0;
  readonly action: string;
  /** What it comes to. */
  readonly outcome: Figures;
  /** What the rule looked at, as it was before the action. */
  readonly inputs: Figures;
}

export interface DecisionObserver {
  decided(decision: MemoryDecision): void;
}
