/**
 * Active memory estimated from samples, held against what real guests touched: a sample of 100 pages in every 30 s, the mean
 * of its estimates, how much they scatter, and what the moving averages make of it after two minutes. The sampler draws pages
 * at random, so that only how many are touched matters, and not which.
 */
import { join } from "node:path";
import { PendingCharges } from "../../core/pending-charges.ts";
import { RandomStream } from "../../core/random.ts";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import { inputText, readInputFile } from "../../experiment/input-files.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import { ActivitySampler } from "../../vmm/allocation/activity-sampler.ts";
import { HostMemory } from "../../vmm/host-memory/host-memory.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

/** Gives costs to the host that nobody asks for here. */
const MACHINE = "xeon-2.4-sosp03";
const PAGES = 256 * PAGES_PER_MIB;
const SAMPLE = 100;
const PERIOD_US = 30e6;
const SEEDS = 100;
const GUESTS = ["gcc", "idle", "nginx", "postgres", "python"];

interface Sampled {
  /** Estimates of single samples less what was touched, MiB. */
  readonly errors: readonly number[];
  readonly meanMib: number;
  /** Mean over seeds, after the last window. */
  readonly estimateMib: number;
}

function sampled(bench: Bench, guest: string): Sampled {
  return bench.once(`touched ${guest}`, () => {
    const file = join(PACKAGE_ROOT, "validation/touched-pages.json");
    const { windows } = JSON.parse(inputText(readInputFile(file))) as { windows: Record<string, readonly number[]> };
    return sample(bench, windows[guest]);
  });
}

/** One sampler after the other watches a guest that touches so many pages in each window. */
function sample(bench: Bench, touched: readonly number[]): Sampled {
  const memory = new HostMemory(bench.profile(MACHINE), PAGES, new PendingCharges());
  const vm = memory.addVm(PAGES);
  for (let ppn = 0; ppn < PAGES; ppn++) memory.write(vm, ppn, 1);
  const errors: number[] = [];
  let [sum, estimates] = [0, 0];
  for (let seed = 0; seed < SEEDS; seed++) {
    const sampler = new ActivitySampler(vm, new RandomStream(seed, "touched-pages"), PERIOD_US);
    touched.forEach((pages, window) => {
      sampler.advance(window * PERIOD_US);
      for (let ppn = 0; ppn < pages; ppn++) memory.read(vm, ppn);
      const estimate = (vm.sampleTouched / SAMPLE) * PAGES;
      sum += estimate;
      errors.push((estimate - pages) / PAGES_PER_MIB);
    });
    sampler.advance(touched.length * PERIOD_US);
    estimates += sampler.fraction * PAGES;
    // The sample that has just begun is not the next sampler's.
    for (let ppn = 0; ppn < vm.pages; ppn++) vm.marks.clear(ppn);
  }
  const count = SEEDS * touched.length;
  return { errors, meanMib: sum / count / PAGES_PER_MIB, estimateMib: estimates / SEEDS / PAGES_PER_MIB };
}

function scatter({ errors }: Sampled): number {
  return Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
}

const LARGEST_OF_THREE = "the estimate is the larger of two moving averages: it is meant to be slow to fall";

function rows(guest: string): readonly ValidationRow[] {
  return [
    { id: `touched.${guest}.mean`, role: "prediction", simulate: (bench) => sampled(bench, guest).meanMib },
    { id: `touched.${guest}.sd`, role: "prediction", simulate: (bench) => scatter(sampled(bench, guest)) },
    {
      id: `touched.${guest}.estimate`,
      role: "prediction",
      simulate: (bench) => sampled(bench, guest).estimateMib,
      reason: LARGEST_OF_THREE,
    },
  ];
}

export const touchedPages: ValidationSet = {
  name: "touched",
  source: "Measured: pages that guests touch, and sampling theory",
  rows: GUESTS.flatMap(rows),
};
