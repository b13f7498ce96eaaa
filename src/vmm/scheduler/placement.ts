/** Schedulers with a queue for each pCPU, and vCPUs that stay where they are put. */

/** Where vCPUs go that are never moved: to the pCPU with the fewest, the lowest number first (Xen 2.0 and 3.0). */
export class Placement {
  /** By vCPU: its pCPU. */
  readonly home: number[] = [];
  readonly #population: number[];

  constructor(cpus: number) {
    this.#population = Array<number>(cpus).fill(0);
  }

  add(): void {
    const home = this.#population.indexOf(Math.min(...this.#population));
    this.#population[home]++;
    this.home.push(home);
  }
}
