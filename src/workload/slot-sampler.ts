/** Draws slots (pages, or runs of pages) of a range according to a {@link PagePattern}. */
import type { RandomStream } from "../core/random.ts";
import { AliasTable } from "./alias-table.ts";
import type { PagePattern } from "./workload.ts";

const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;

export class SlotSampler {
  readonly #slots: number;
  readonly #pattern: PagePattern["kind"];
  readonly #zipf: AliasTable | undefined;
  readonly #stride: number;
  #next = 0;

  constructor(pattern: PagePattern, slots: number) {
    this.#slots = slots;
    this.#pattern = pattern.kind;
    this.#stride = scatteringStride(slots);
    this.#zipf = pattern.kind === "zipf" ? zipfTable(pattern, slots) : undefined;
  }

  /** A slot from 0 to slots - 1. A sequential pattern goes on where the previous draw ended, and around. */
  draw(random: RandomStream): number {
    if (this.#zipf !== undefined) return (this.#zipf.draw(random) * this.#stride) % this.#slots;
    if (this.#pattern === "uniform") return random.below(this.#slots);
    const slot = this.#next;
    this.#next = slot + 1 === this.#slots ? 0 : slot + 1;
    return slot;
  }
}

type Zipf = Extract<PagePattern, { kind: "zipf" }>;

/** Tables by pattern and number of slots: the guests of one workload, and its seeds, draw from the same ones. */
const tables = new WeakMap<Zipf, Map<number, AliasTable>>();

function zipfTable(pattern: Zipf, slots: number): AliasTable {
  const bySlots = tables.get(pattern) ?? new Map<number, AliasTable>();
  tables.set(pattern, bySlots);
  const known = bySlots.get(slots);
  if (known !== undefined) return known;
  const weights = new Float64Array(slots);
  for (let rank = 0; rank < slots; rank++) weights[rank] = (rank + 1) ** -pattern.exponent;
  const table = new AliasTable(weights);
  bySlots.set(slots, table);
  return table;
}

/** Coprime to the number of slots, so that rank -> rank * stride mod slots is one to one; near slots / phi, so that
 * neighbouring ranks land far apart: popular pages are spread over page-table pages, as in a real heap. */
function scatteringStride(slots: number): number {
  let stride = Math.max(1, Math.round(slots / GOLDEN_RATIO));
  while (greatestCommonDivisor(stride, slots) !== 1) stride++;
  return stride;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
