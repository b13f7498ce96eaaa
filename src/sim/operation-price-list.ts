/** What operations cost the guests of a host, by workload. */
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { withInterruptsElsewhere } from "./device-interrupts.ts";
import { type MeasureOperations, OperationPrices } from "./operation-prices.ts";

/** Prices are measured once for all guests that have the same stream and shape. */
export class OperationPriceList {
  readonly #vmm: Vmm;
  /** The VMM as it is for a guest whose interrupts another processor handles; undefined: there is no such. */
  readonly #elsewhere: Vmm | undefined;
  readonly #profile: MachineProfile;
  readonly #measure: MeasureOperations;
  readonly #known = new Map<string, OperationPrices>();

  constructor(vmm: Vmm, profile: MachineProfile, measure: MeasureOperations) {
    this.#vmm = vmm;
    this.#elsewhere = withInterruptsElsewhere(vmm, profile);
    this.#profile = profile;
    this.#measure = measure;
  }

  /** Guests of one workload differ in their seed only; the first one's prices stand for all. */
  of(workload: CompiledWorkload): OperationPrices {
    const known = this.#known.get(workload.name);
    if (known !== undefined) return known;
    const elsewhere = this.#elsewhere && new OperationPrices(this.#measure(this.#elsewhere, this.#profile, workload));
    const prices = new OperationPrices(this.#measure(this.#vmm, this.#profile, workload), elsewhere);
    this.#known.set(workload.name, prices);
    return prices;
  }
}
