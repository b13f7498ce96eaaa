/** How often a guest's driver accesses registers of an emulated device, as a parameter of a part. */
import type { Parameter } from "../contract.ts";

export function registerAccesses(when: string, count: number, source: string): Parameter<number> {
  return { summary: `register accesses per ${when}`, default: count, unit: "accesses", min: 0, max: 100, source };
}
