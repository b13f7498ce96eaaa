/** When the VMM begins to reach the balloon driver of a guest, and what is wrong with that driver. */
import type { Allocation, MemoryMechanism } from "../vmm/host-contract.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { FaultyBalloonDriver } from "./faulty-balloon-driver.ts";
import type { HostGuest } from "./host-guest.ts";

export class GuestDrivers {
  readonly #workloads: readonly CompiledWorkload[];
  readonly #nowUs: () => number;
  /** The VMM makes use of drivers. */
  readonly #used: boolean;

  /** `workloads`: by VM number; `nowUs`: simulated time. */
  constructor(
    workloads: readonly CompiledWorkload[],
    mechanisms: readonly MemoryMechanism[],
    { balloons = true }: Allocation,
    nowUs: () => number,
  ) {
    this.#workloads = workloads;
    this.#nowUs = nowUs;
    this.#used = balloons && mechanisms.some(({ kind }) => kind === "cooperative");
  }

  /** The guest is up. Returns the time after which {@link start} is due, microseconds; undefined: it is not. */
  guestIsUp(guest: HostGuest): number | undefined {
    const { fromUs = 0 } = this.#workloads[guest.number].guest.driver ?? {};
    if (fromUs === "never") return undefined;
    if (fromUs > 0) return fromUs;
    this.start(guest);
    return undefined;
  }

  start({ number, balloon, vm }: HostGuest): void {
    if (!this.#used) return;
    const { driver: faults } = this.#workloads[number].guest;
    vm.balloon = faults === undefined ? balloon : new FaultyBalloonDriver(balloon, vm, faults, this.#nowUs);
  }
}
