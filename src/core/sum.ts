/** In the order of the values, from the first one on: floating-point sums depend on it. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
