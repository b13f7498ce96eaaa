/** A share in percent, with so many decimals: "12 %". */
export function percent(share: number, decimals = 0): string {
  return `${(100 * share).toFixed(decimals)} %`;
}
