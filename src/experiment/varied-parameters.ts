/** Parameters of VMMs that the sensitivity of an answer is tried with: how fast pages are scanned and balloons move. */
import type { Manifest } from "./manifest.ts";
import type { MatrixBlock } from "./matrix.ts";
import { SIDES, variedBlock } from "./varied-block.ts";

type PartParameters = Readonly<Record<string, number | boolean>>;

interface VariedParameters {
  readonly input: string;
  readonly part: string;
  /** Together where they bound the same thing; the first is what is told. */
  readonly names: readonly string[];
  readonly unit: string;
  /** It is a time, and half of it twice the speed. */
  readonly inverse?: true;
  /** Whether the part goes by them. Absent: always. */
  readonly counts?: (parameters: PartParameters) => boolean;
}

/** VMM parameters that are varied, where a strategy has the part and goes by them. */
const PARAMETERS: readonly VariedParameters[] = [
  {
    input: "scan rate",
    part: "page-sharing",
    names: ["pagesPerSecond", "pagesPerSecondPerVm"],
    unit: "pages/s",
    counts: ({ passMinutes }) => passMinutes === 0,
  },
  {
    input: "scan rate",
    part: "page-sharing",
    names: ["passMinutes"],
    unit: "min a pass",
    inverse: true,
    counts: ({ passMinutes }) => Number(passMinutes) > 0,
  },
  {
    input: "scan rate",
    part: "ksm",
    names: ["pagesToScan"],
    unit: "pages at a time",
    counts: ({ advisor }) => advisor === false,
  },
  {
    input: "scan rate",
    part: "ksm",
    names: ["advisorScanTime"],
    unit: "s a pass",
    inverse: true,
    counts: ({ advisor }) => advisor === true,
  },
  { input: "balloon speed", part: "ballooning", names: ["pagesPerSecond"], unit: "pages/s" },
  // The driver polls once a second. Xen's has no such bound: it goes as fast as the guest's vCPU.
  {
    input: "balloon speed",
    part: "vmware-balloon",
    names: ["mostFreePages", "leastReclaimedPages", "mostReclaimedPages", "rateStep", "mostReturnedPages"],
    unit: "pages/s",
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
  const memory = described.vmms.map(({ parts }) => (parts.memory ?? {}) as Record<string, PartParameters | undefined>);
  const choosers = described.vmms.map(({ parts }) =>
    [...Object.keys(parts.memory ?? {}), ...Object.keys(parts.allocation ?? {})].find(
      (part) => part in CHOOSE_SCAN_RATE,
    ),
  );
  return inputs.flatMap((input) => {
    const byValue = new Map<string, VariedStrategy[]>();
    for (const [i, choice] of block.vmms.entries()) {
      const chooser = choosers[i];
      if (input === "scan rate" && chooser !== undefined) {
        left.push(`${input} of ${choice.label}: ${chooser} chooses it itself, by ${CHOOSE_SCAN_RATE[chooser]}`);
        continue;
      }
      const parameters = PARAMETERS.find((one) => one.input === input && goesBy(memory[i][one.part], one));
      if (parameters === undefined) continue;
      const values = parameters.names.map((name) => Number(memory[i][parameters.part]?.[name]));
      const value = `${values[0]} ${parameters.unit}`;
      byValue.set(value, [...(byValue.get(value) ?? []), { choice, parameters, values }]);
    }
    return [...byValue].flatMap(([from, strategies], at) =>
      SIDES.map(([side, factor]) => {
        const [{ parameters, values }] = strategies;
        const to = `${values[0] * timesValue(parameters, factor)} ${parameters.unit}`;
        const vmms = strategies.map((strategy) => withVaried(strategy, factor));
        return variedBlock(block, { input, side, from, to }, { vmms }, at === 0 ? "" : `-${at + 1}`);
      }),
    );
  });
}

function goesBy(found: PartParameters | undefined, { counts }: VariedParameters): boolean {
  return found !== undefined && (counts === undefined || counts(found));
}

function timesValue({ inverse }: VariedParameters, factor: number): number {
  return inverse === true ? 1 / factor : factor;
}

function withVaried({ choice, parameters, values }: VariedStrategy, factor: number): MatrixBlock["vmms"][number] {
  const { part, names } = parameters;
  const set = names.map((name, at) => [`memory.${part}.${name}`, values[at] * timesValue(parameters, factor)]);
  return { ...choice, set: { ...choice.set, ...Object.fromEntries(set) } };
}
