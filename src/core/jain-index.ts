/**
 * How evenly something is shared out, whatever its unit: 1 where all have the same, 1/n where one of n has everything
 * (Jain, Chiu and Hawe 1984, A Quantitative Measure of Fairness, equation 1). Nothing at all is shared out evenly: 1.
 */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return squares === 0 ? 1 : (sum * sum) / (shares.length * squares);
}
