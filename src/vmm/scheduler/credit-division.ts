/** How the credit scheduler of Xen divides the credits of an accounting period. */

/**
 * Divide `credits` by weight among the active vCPUs. Whoever would get more than it may (`most`) gets that, and the others
 * divide what is left. The result is in `given`.
 */
export function divideCredits(
  credits: number,
  weight: readonly number[],
  most: readonly number[],
  active: readonly boolean[],
  given: number[],
): void {
  let left = credits;
  let weights = 0;
  for (let vcpu = 0; vcpu < weight.length; vcpu++) {
    given[vcpu] = -1;
    if (active[vcpu]) weights += weight[vcpu];
  }
  for (let settled = true; settled; ) {
    settled = false;
    for (let vcpu = 0; vcpu < weight.length; vcpu++) {
      if (!active[vcpu] || given[vcpu] >= 0 || (left * weight[vcpu]) / weights <= most[vcpu]) continue;
      given[vcpu] = most[vcpu];
      left -= most[vcpu];
      weights -= weight[vcpu];
      settled = true;
    }
  }
  for (let vcpu = 0; vcpu < weight.length; vcpu++) {
    if (active[vcpu] && given[vcpu] < 0) given[vcpu] = (left * weight[vcpu]) / weights;
  }
}
