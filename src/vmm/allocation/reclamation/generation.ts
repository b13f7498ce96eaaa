/** What a release of ESX does when free memory runs low, as data: its states, best first, and what each of them allows. */

/** When 2 MiB backing pages are broken up, so that the small pages can be shared or taken. */
export type LargePages = "kept" | "broken where they hold equal pages" | "broken";

export interface ReclamationRule {
  readonly name: "high" | "clear" | "soft" | "hard" | "low";
  /** Boundary of the state, in percent of {@link Generation.base}. */
  readonly percent: number;
  readonly largePages: LargePages;
  /** Balloons may grow. They may shrink in any state. */
  readonly balloon: boolean;
  /** Who is paged down to its target by force: pages are shared, compressed or swapped, in this order. */
  readonly paged: "nobody" | "VMs without a balloon" | "everybody";
  /** VMs above their target do not run. */
  readonly blocks: boolean;
}

export interface Generation {
  /** First release it applies to. */
  readonly release: number;
  readonly source: string;
  /** What the percentages are of, in pages, on a host with that many pages for VMs. */
  base(pages: number): number;
  /** The first is the high state: reclaim aims at its boundary. */
  readonly states: readonly ReclamationRule[];
  /** Sources do not agree on the boundary of the high state: it can be another. */
  readonly highIsUncertain?: true;
}

/** Boundaries of all states of a generation on a host, in pages; that of the high state is `highPercent`, where it is uncertain. */
export function boundaries(
  { base, states, highIsUncertain }: Generation,
  pages: number,
  highPercent = states[0].percent,
): readonly number[] {
  const percents = states.map(({ percent }, state) =>
    state === 0 && highIsUncertain === true ? highPercent : percent,
  );
  return percents.map((percent) => (base(pages) * percent) / 100);
}

/**
 * The next state. A worse one is entered as soon as free memory drops below its boundary. "After reclaiming memory", one goes
 * back to the next better one only beyond the boundary of that one by a margin: the hysteresis of Waldspurger 2002,
 * section 6.3, which gives no size for "significantly exceeding".
 */
export function nextState(state: number, free: number, limits: readonly number[], marginPercent: number): number {
  let next = state;
  while (next + 1 < limits.length && free < limits[next + 1]) next++;
  if (next > state) return next;
  while (next > 0 && free > limits[next - 1] * (1 + marginPercent / 100)) next--;
  return next;
}
