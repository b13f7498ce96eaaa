/** A log of decisions for reading: what is paged out of a VM a few pages at a time, hundreds of times a second, as one line. */
import type { TimedDecision } from "../sim/decision-log.ts";
import type { Figures } from "../vmm/host-memory/memory-decision.ts";

/** Decisions of one kind about one VM; the figures that a rule went by are the first one's. */
export interface FoldedDecision extends TimedDecision {
  /** How many, and when the last of them was; absent: it is one. */
  readonly times?: number;
  readonly until_s?: number;
}

const FOLDED = "page out";

/**
 * Of decisions to page out with no other between them, those within a second about the same VM by the same rule, in place of the
 * first of them. Numbers of pages are sums.
 */
export function foldDecisions(decisions: readonly TimedDecision[]): readonly FoldedDecision[] {
  const folded: FoldedDecision[] = [];
  /** Where in `folded` those stand that another one may be added to, by {@link keyOf}. */
  const open = new Map<string, number>();
  for (const decision of decisions) {
    if (decision.action !== FOLDED) open.clear();
    const key = keyOf(decision);
    const at = decision.action === FOLDED ? open.get(key) : undefined;
    if (at === undefined) {
      if (decision.action === FOLDED) open.set(key, folded.length);
      folded.push(decision);
    } else folded[at] = added(folded[at], decision);
  }
  return folded;
}

function keyOf({ time_s, by, rule, vm, outcome }: TimedDecision): string {
  return JSON.stringify([Math.floor(time_s), by, rule, vm, outcome.mechanism]);
}

function added(folded: FoldedDecision, { time_s, outcome }: TimedDecision): FoldedDecision {
  return { ...folded, times: (folded.times ?? 1) + 1, until_s: time_s, outcome: sums(folded.outcome, outcome) };
}

function sums(before: Figures, more: Figures): Figures {
  const entries = Object.entries(before).map(([name, value]) => {
    const other = more[name];
    return [name, typeof value === "number" && typeof other === "number" ? value + other : value] as const;
  });
  return Object.fromEntries(entries);
}
