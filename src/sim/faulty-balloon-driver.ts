/** A guest's balloon driver that stops answering, or finds its pages slowly, as the VMM reaches it. */
import type { BalloonPort, BalloonPrice, VmMemory } from "../vmm/vm-memory.ts";
import type { DriverFaults } from "../workload/vm-settings.ts";

export class FaultyBalloonDriver implements BalloonPort {
  readonly #driver: BalloonPort;
  readonly #vm: VmMemory;
  readonly #faults: DriverFaults;
  readonly #nowUs: () => number;
  /** Pages that it may move by now, a second's worth at most; fractions add up. */
  #allowance = 0;
  #polledUs: number;

  constructor(driver: BalloonPort, vm: VmMemory, faults: DriverFaults, nowUs: () => number) {
    this.#driver = driver;
    this.#vm = vm;
    this.#faults = faults;
    this.#nowUs = nowUs;
    this.#polledUs = nowUs();
  }

  get busy(): boolean {
    return this.#driver.busy ?? false;
  }

  poll(target: number, most: number, price?: BalloonPrice): void {
    const { stuckFromUs = Infinity, pagesPerSecond = Infinity } = this.#faults;
    const nowUs = this.#nowUs();
    if (nowUs >= stuckFromUs) return;
    if (pagesPerSecond < Infinity) {
      const earned = ((nowUs - this.#polledUs) * pagesPerSecond) / 1e6;
      this.#allowance = Math.min(pagesPerSecond, this.#allowance + earned);
    } else {
      this.#allowance = Infinity;
    }
    this.#polledUs = nowUs;
    const before = this.#vm.ballooned;
    this.#driver.poll(target, Math.min(most, Math.floor(this.#allowance)), price);
    this.#allowance -= Math.abs(this.#vm.ballooned - before);
  }
}
