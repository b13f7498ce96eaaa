/** Where new vCPUs go in schedulers with a queue for each pCPU: to the pCPU with the fewest, the lowest number first (Xen). */
export class Placement {
  /** By vCPU: its pCPU. A scheduler that moves vCPUs changes it. */
  readonly home: number[] = [];
  readonly #population: number[];

  constructor(cpus: number) {
    this.#population = Array<number>(cpus).fill(0);
  }

  /** One more vCPU. Returns its pCPU. */
  add(): number {
    const home = this.#population.indexOf(Math.min(...this.#population));
    this.#population[home]++;
    this.home.push(home);
    return home;
  }
}
