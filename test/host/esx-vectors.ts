/** Figures of ESX by published rules, for whoever goes by these rules. */

/** GB of a host, and its MinFree in MB: 6 % of the first 4 GB, 4 % of the next 8, 2 % of the next 16 and 1 % of the rest. */
export const MIN_FREE = [
  [4, 245.8],
  [12, 573.4],
  [28, 901.1],
  [48, 1105.9],
  [64, 1269.8],
  [96, 1597.4],
  [128, 1925.1],
  [256, 3235.8],
  [512, 5857.3],
  [1024, 11_100.2],
] as const;

/** Active part of a VM with a share for each of its pages, and the shares that it pays for a page at a tax of 0.75. */
export const IDLE_TAX_RHO = [
  [1, 1],
  [0.75, 0.5714],
  [0.5, 0.4],
  [0.25, 0.3077],
  [0.1, 0.2703],
  [0, 0.25],
] as const;
