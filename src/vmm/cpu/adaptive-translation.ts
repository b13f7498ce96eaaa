/**
 * Adaptive binary translation (Adams and Agesen 2006, section 3.3): an instruction is translated as it is until it keeps
 * faulting; then its unit is translated anew, with a call to the emulation of the instruction in its place. "Innocent until
 * proven guilty."
 */
export class AdaptiveTranslation {
  readonly #faultsAllowed: number;
  readonly #faults: Uint32Array;

  /** Sites are instructions that may fault, numbered from 0. One is guilty when it has faulted `faultsAllowed` times. */
  constructor(sites: number, faultsAllowed: number) {
    this.#faultsAllowed = faultsAllowed;
    this.#faults = new Uint32Array(sites);
  }

  /** Whether the translation of a site calls the emulation. */
  callsEmulation(site: number): boolean {
    return this.#faults[site] >= this.#faultsAllowed;
  }

  /** A site faults. Returns whether that was once too often: its unit has to be translated anew. */
  fault(site: number): boolean {
    return ++this.#faults[site] === this.#faultsAllowed;
  }

  /** The cache is empty: every instruction is innocent again. */
  forget(): void {
    this.#faults.fill(0);
  }
}
