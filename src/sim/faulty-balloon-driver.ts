/** A guest's balloon driver that stops answering, or finds its pages slowly, as the VMM reaches it. */
import type { BalloonPort, BalloonStep, VmMemory } from "../vmm/host-memory/vm-memory.ts";
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

  /** A driver that is stuck, or must still earn a page, says no more than one that is at work. */
  get busy(): boolean {
    const { stuckFromUs = Infinity } = this.#faults;
    return this.#driver.busy === true || this.#nowUs() >= stuckFromUs || this.#earned() < 1;
  }

  poll(target: number, most: number, step?: BalloonStep): void {
    const { stuckFromUs = Infinity } = this.#faults;
    const nowUs = this.#nowUs();
    if (nowUs >= stuckFromUs) return;
    this.#allowance = this.#earned();
    this.#polledUs = nowUs;
    const before = this.#vm.ballooned;
    this.#driver.poll(target, Math.min(most, Math.floor(this.#allowance)), step);
    this.#allowance -= Math.abs(this.#vm.ballooned - before);
  }

  calls(count: number): void {
    if (this.#nowUs() < (this.#faults.stuckFromUs ?? Infinity)) this.#driver.calls?.(count);
  }

  hotAdd(pages: number): number {
    const { stuckFromUs = Infinity } = this.#faults;
    const nowUs = this.#nowUs();
    if (nowUs >= stuckFromUs) return 0;
    this.#allowance = this.#earned();
    this.#polledUs = nowUs;
    const added = this.#driver.hotAdd?.(Math.min(pages, Math.floor(this.#allowance))) ?? 0;
    this.#allowance -= added;
    return added;
  }

  /** What it may move at this moment. */
  #earned(): number {
    const { pagesPerSecond = Infinity } = this.#faults;
    if (pagesPerSecond === Infinity) return Infinity;
    return Math.min(pagesPerSecond, this.#allowance + ((this.#nowUs() - this.#polledUs) * pagesPerSecond) / 1e6);
  }
}
