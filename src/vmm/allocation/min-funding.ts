/**
 * Min-funding revocation with an idle memory tax (Waldspurger 2002, sections 5.1 and 5.2), at its equilibrium.
 *
 * A VM with S shares, P pages and active fraction f pays rho = S / (P (f + k (1 - f))), k = 1 / (1 - tau). Memory goes from
 * the lowest rho to the highest until all VMs that are not at a bound have the same rho: that division is computed here.
 */
import { sum } from "../../core/sum.ts";

export interface Claimant {
  readonly shares: number;
  /** Active pages. */
  readonly active: number;
  /** Bounds of its allocation, pages. */
  readonly least: number;
  readonly most: number;
}

/** Price of `pages` at which active pages cost 1 and idle ones k. */
function cost(pages: number, active: number, idlePrice: number): number {
  return pages <= active ? pages : active + idlePrice * (pages - active);
}

/** Pages that a price buys. */
function pagesFor(price: number, active: number, idlePrice: number): number {
  return price <= active ? price : active + (price - active) / idlePrice;
}

/** Whole pages for each claimant, `total` in all, unless the bounds do not allow that. 0 <= `tax` < 1. */
export function minFundingTargets(claimants: readonly Claimant[], total: number, tax: number): number[] {
  const idlePrice = 1 / (1 - tax);
  const at = (pricePerShare: number): number[] =>
    claimants.map(({ shares, active, least, most }) =>
      Math.max(least, Math.min(most, Math.floor(pagesFor(pricePerShare * shares, active, idlePrice)))),
    );
  let low = 0;
  let high = Math.max(0, ...claimants.map(({ shares, active, most }) => cost(most, active, idlePrice) / shares));
  if (sum(at(high)) <= total) return at(high);
  // 60 halvings leave less than a page of difference for any memory size a double can count exactly.
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (sum(at(middle)) <= total) low = middle;
    else high = middle;
  }
  return at(low);
}
