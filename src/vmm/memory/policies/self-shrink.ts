/**
 * How a Linux guest on Xen brings its frontswap pages back (xen-selfballoon, frontswap_selfshrinking): after some rounds in which
 * there were any and they did not become more, a part of them each round, until they become more again.
 */
import { KIB_PER_PAGE } from "../../../machine/page.ts";
import type { Action, VmObservations } from "./policy-contract.ts";

export interface SelfShrinking {
  /** Quiet rounds with the last of which shrinking begins, at least 1. */
  readonly inertia: number;
  /** One page of so many goes in a round, and so many and fewer all at once. */
  readonly frontswapHysteresis: number;
}

/** What was in frontswap in the last round, pages, and how many rounds have been quiet since it was empty or grew. */
export interface Quiet {
  readonly pages: number;
  readonly rounds: number;
}
/** By VM. */
export type QuietGuests = ReadonlyMap<string, Quiet>;

const EMPTY: Quiet = { pages: 0, rounds: 0 };

/** The next round of a guest with so many pages in frontswap. */
export function nextRound(last: Quiet, pages: number): Quiet {
  const isQuiet = pages > 0 && pages <= last.pages;
  return { pages, rounds: isQuiet ? last.rounds + 1 : 0 };
}

/** How many pages are to be left; undefined: it is not time yet. */
export function shrinksTo(
  { inertia, frontswapHysteresis }: SelfShrinking,
  { pages, rounds }: Quiet,
): number | undefined {
  if (rounds < inertia) return undefined;
  return pages <= frontswapHysteresis ? 0 : pages - Math.floor(pages / frontswapHysteresis);
}

/** One round of all guests that say what they have in frontswap. */
export function shrinkThemselves(
  parameters: SelfShrinking,
  vms: readonly VmObservations[],
  before: QuietGuests,
): { readonly actions: readonly Action[]; readonly state: QuietGuests } {
  const state = new Map<string, Quiet>();
  const actions = vms.flatMap(({ name, guest }): Action[] => {
    if (guest?.frontswap === undefined) return [];
    const round = nextRound(before.get(name) ?? EMPTY, Math.floor(guest.frontswap / KIB_PER_PAGE));
    state.set(name, round);
    const left = shrinksTo(parameters, round);
    return left === undefined
      ? []
      : [{ kind: "shrink-frontswap", vm: name, kib: left * KIB_PER_PAGE, rule: "self-shrink" }];
  });
  return { actions, state };
}
