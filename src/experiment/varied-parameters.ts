/**
 * Parameters of VMMs that the sensitivity of an answer is tried with: how fast pages are scanned and balloons move, and what is not
 * published of how ESX divides memory.
 */
import { generationOf } from "../vmm/allocation/reclamation/reclamation-state.ts";
import { SHARE_PARAMETERS } from "../vmm/allocation/share-parameters.ts";
import type { Parameter } from "../vmm/contract.ts";
import type { Manifest } from "./manifest.ts";
import type { MatrixBlock } from "./matrix.ts";
import { type Side, SIDES, variedBlock } from "./varied-block.ts";

type PartParameters = Readonly<Record<string, number | boolean>>;
/** By slot and part. */
type DescribedParts = Readonly<Record<string, Readonly<Record<string, PartParameters | undefined>> | undefined>>;

interface VariedParameters {
  readonly input: string;
  readonly slot: "memory" | "allocation";
  readonly part: string;
  /** Together where they bound the same thing; the first is what is told. */
  readonly names: readonly string[];
  readonly unit: string;
  /** It is a time, and half of it twice the speed. */
  readonly inverse?: true;
  /** Whether the part goes by them. Absent: always. */
  readonly counts?: (parameters: PartParameters) => boolean;
  /** What it is multiplied by where sources give another value. Absent: half and twice the value. */
  readonly sides?: readonly (readonly [Side, number])[];
  /** Least and most that it can be. Absent: nobody comes near them. */
  readonly range?: readonly [number, number];
}

/** VMM parameters that are varied, where a strategy has the part and goes by them. */
const PARAMETERS: readonly VariedParameters[] = [
  {
    input: "scan rate",
    slot: "memory",
    part: "page-sharing",
    names: ["pagesPerSecond", "pagesPerSecondPerVm"],
    unit: "pages/s",
    counts: ({ passMinutes }) => passMinutes === 0,
  },
  {
    input: "scan rate",
    slot: "memory",
    part: "page-sharing",
    names: ["passMinutes"],
    unit: "min a pass",
    inverse: true,
    counts: ({ passMinutes }) => Number(passMinutes) > 0,
  },
  {
    input: "scan rate",
    slot: "memory",
    part: "ksm",
    names: ["pagesToScan"],
    unit: "pages at a time",
    counts: ({ advisor }) => advisor === false,
  },
  {
    input: "scan rate",
    slot: "memory",
    part: "ksm",
    names: ["advisorScanTime"],
    unit: "s a pass",
    inverse: true,
    counts: ({ advisor }) => advisor === true,
  },
  { input: "balloon speed", slot: "memory", part: "ballooning", names: ["pagesPerSecond"], unit: "pages/s" },
  // The driver polls once a second. Xen's has no such bound: it goes as fast as the guest's vCPU.
  {
    input: "balloon speed",
    slot: "memory",
    part: "vmware-balloon",
    names: ["mostFreePages", "leastReclaimedPages", "mostReclaimedPages", "rateStep", "mostReturnedPages"],
    unit: "pages/s",
  },
  {
    input: "activity averages",
    slot: "allocation",
    part: "proportional-shares",
    names: ["slowGain", "fastGain"],
    unit: "of the way",
    // Without a tax, idle memory costs as much as memory in use.
    counts: ({ idleMemoryTax }) => Number(idleMemoryTax) > 0,
    range: rangeOf(SHARE_PARAMETERS.slowGain),
  },
  {
    input: "hysteresis of states",
    slot: "allocation",
    part: "proportional-shares",
    names: ["hysteresisPercent"],
    unit: "%",
    range: rangeOf(SHARE_PARAMETERS.hysteresisPercent),
  },
  {
    input: "high state",
    slot: "allocation",
    part: "proportional-shares",
    names: ["highPercent"],
    unit: "% of MinFree",
    // Articles give 400 and 300 %.
    counts: ({ release, highPercent }) =>
      generationOf(Number(release)).highIsUncertain === true && highPercent === SHARE_PARAMETERS.highPercent.default,
    sides: [["lower", 0.75]],
  },
];

/** Parts that choose the scan rate themselves, and by what: no parameter says it. */
const CHOOSE_SCAN_RATE: Readonly<Record<string, string>> = {
  uksm: "the CPU time that it may take",
  ksmtuned: "free memory",
  "mom-ksm": "free memory",
  "proxmox-ksmtuned": "free memory",
};

interface VariedStrategy {
  readonly choice: MatrixBlock["vmms"][number];
  readonly parameters: VariedParameters;
  readonly values: readonly number[];
}

/** Strategies without the part are left out: nothing changes for them. Those that start from another value have a block of their own. */
export function parameterBlocks(
  block: MatrixBlock,
  described: Manifest["blocks"][number],
  left: string[],
): MatrixBlock[] {
  const inputs = [...new Set(PARAMETERS.map(({ input }) => input))];
  const parts = described.vmms.map((vmm) => vmm.parts as DescribedParts);
  const choosers = parts.map(({ memory = {}, allocation = {} }) =>
    [...Object.keys(memory), ...Object.keys(allocation)].find((part) => part in CHOOSE_SCAN_RATE),
  );
  return inputs.flatMap((input) => {
    const byValue = new Map<string, VariedStrategy[]>();
    for (const [i, choice] of block.vmms.entries()) {
      const chooser = choosers[i];
      if (input === "scan rate" && chooser !== undefined) {
        left.push(`${input} of ${choice.label}: ${chooser} chooses it itself, by ${CHOOSE_SCAN_RATE[chooser]}`);
        continue;
      }
      const parameters = PARAMETERS.find((one) => one.input === input && goesBy(parts[i][one.slot]?.[one.part], one));
      if (parameters === undefined) continue;
      const values = parameters.names.map((name) => Number(parts[i][parameters.slot]?.[parameters.part]?.[name]));
      const value = `${values[0]} ${parameters.unit}`;
      byValue.set(value, [...(byValue.get(value) ?? []), { choice, parameters, values }]);
    }
    return [...byValue].flatMap(([from, strategies], at) => {
      const [{ parameters, values }] = strategies;
      // What is at the end of its range already cannot be varied that way.
      const sides = (parameters.sides ?? SIDES).filter(
        ([, factor]) => varied(parameters, values[0], factor) !== values[0],
      );
      return sides.map(([side, factor]) => {
        const to = `${varied(parameters, values[0], factor)} ${parameters.unit}`;
        const vmms = strategies.map((strategy) => withVaried(strategy, factor));
        return variedBlock(block, { input, side, from, to }, { vmms }, at === 0 ? "" : `-${at + 1}`);
      });
    });
  });
}

function goesBy(found: PartParameters | undefined, { counts }: VariedParameters): boolean {
  return found !== undefined && (counts === undefined || counts(found));
}

function varied({ inverse, range = [0, Infinity] }: VariedParameters, value: number, factor: number): number {
  const [least, most] = range;
  return Math.max(least, Math.min(most, value * (inverse === true ? 1 / factor : factor)));
}

function rangeOf({ min = 0, max = Infinity }: Parameter): readonly [number, number] {
  return [min, max];
}

function withVaried({ choice, parameters, values }: VariedStrategy, factor: number): MatrixBlock["vmms"][number] {
  const { slot, part, names } = parameters;
  const set = names.map((name, at) => [`${slot}.${part}.${name}`, varied(parameters, values[at], factor)]);
  return { ...choice, set: { ...choice.set, ...Object.fromEntries(set) } };
}
