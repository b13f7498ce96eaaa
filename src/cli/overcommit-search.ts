/** The limits of strategies as overcommit ratios: runs that grow by the ratios that a search asks for. */
import { basename, dirname } from "node:path";
import type { OvercommitCurve } from "../analysis/overcommit.ts";
import type { Results } from "../analysis/results.ts";
import { InputError } from "../core/input-error.ts";
import type { FurtherRatio, OvercommitQuestion } from "../experiment/overcommit-matrix.ts";
import type { Plan } from "../experiment/plan.ts";
import type { VariedBlocks } from "../experiment/sensitivity-inputs.ts";
import type { RunSummary } from "../experiment/run.ts";
import type { CellSpec } from "../sim/cell.ts";
import { type ExecuteArguments, executePlan, type GrowingRun } from "./execute-plan.ts";

/** A matrix, and the file that its paths and messages refer to. */
export interface MatrixText {
  readonly text: string;
  readonly file: string;
}

export interface Answer {
  readonly summary: RunSummary;
  /** Undefined when the run was interrupted. */
  readonly results?: Results;
  /** What the user should know of it: inputs that could not be varied, and why. */
  readonly notes: readonly string[];
}

/** Say which cells will be skipped before the user waits for the others. */
async function tellSkipped(plan: Plan): Promise<void> {
  const { skippedCells } = await import("../experiment/skipped-cells.ts");
  for (const { vmm, reason, cells } of await skippedCells(plan)) {
    console.error(`to be skipped: ${cells} of ${plan.cells.length} cells, of ${vmm}: ${reason}`);
  }
}

/** A round of a run that may grow. No results when it was interrupted. */
export async function executeRound(
  plan: Plan,
  args: ExecuteArguments,
  growing: GrowingRun | undefined,
): Promise<Omit<Answer, "notes">> {
  const { variationsOf } = await import("../experiment/manifest.ts");
  const isFirst = growing?.begun !== true;
  const summary = await executePlan(plan, args, growing, async () => {
    if (isFirst && !args.quiet) await tellSkipped(plan);
  });
  if (summary.cells === undefined) return { summary };
  const { serviceLevel } = plan.manifest;
  const variations = variationsOf(plan.manifest);
  return { summary, results: { name: basename(summary.folder), cells: summary.cells, serviceLevel, variations } };
}

/**
 * `precision`: to which the limits are searched, each round adding ratios to one run; undefined: the matrix only. Once the limits
 * are known, blocks with changed inputs are added if asked for, and theirs are searched from where these were found.
 */
export async function searchRatios(
  { text, file }: MatrixText,
  question: OvercommitQuestion,
  args: ExecuteArguments & { readonly sensitivity: boolean },
  precision: number | undefined,
): Promise<Answer> {
  const { allOvercommitCurves, overcommitCurves } = await import("../analysis/overcommit.ts");
  const { nextRatio } = await import("../analysis/overcommit-search.ts");
  const { overcommitMatrix } = await import("../experiment/overcommit-matrix.ts");
  const { defaultFolder, planMatrix } = await import("../experiment/plan.ts");
  if (args.sensitivity) await requireOneCurve(overcommitMatrix(text, file, question), file);
  const further: FurtherRatio[] = [];
  let varied: VariedBlocks | undefined;
  let folder: string | undefined;
  for (;;) {
    const matrix = overcommitMatrix(text, file, { ...question, further, varied: varied?.blocks ?? [] });
    const plan = await planMatrix(matrix, file);
    folder ??= `${defaultFolder(plan)}-${args.sensitivity ? "sensitivity" : "search"}-${precision}`;
    const growing = precision === undefined ? undefined : { folder, begun: further.length > 0 || varied !== undefined };
    const { summary, results } = await executeRound(plan, args, growing);
    if (results === undefined) return { summary, notes: [] };
    const curves = allOvercommitCurves(results);
    const next =
      precision === undefined ? [] : curves.flatMap((curve) => furtherOf(curve, nextRatio(curve, precision)));
    // A ratio at which some seeds fail and others do not may be asked for once more.
    const isNew = (one: FurtherRatio): boolean => !plan.cells.some(({ spec }) => isAt(spec, one));
    if (next.some(isNew)) {
      further.push(...next.filter(isNew));
    } else if (args.sensitivity && varied === undefined) {
      varied = await varyInputs(matrix, file, plan, `${summary.folder}-inputs`);
      further.push(...startingRatios(overcommitCurves(results), varied));
    } else {
      return { summary, results, notes: (varied?.left ?? []).map((reason) => `not varied: ${reason}`) };
    }
  }
}

/** Throws an {@link InputError} for a matrix whose inputs cannot be varied. */
async function requireOneCurve(matrix: string, file: string): Promise<void> {
  const { readMatrix } = await import("../experiment/matrix.ts");
  const [block] = readMatrix(matrix, file).matrix.blocks;
  if (block.settings !== undefined)
    throw new InputError(`${file}: --sensitivity is that of VMs that are alike; found settings of single VMs`);
  const several = [block.workloads, block.machines, block.vms ?? []].some((values) => values.length > 1);
  if (several)
    throw new InputError(`${file}: --sensitivity is that of one workload, machine and number of VMs; found more`);
}

/** Blocks with changed inputs, which begin with the lowest ratio, all others are compared with it, and the highest. */
async function varyInputs(matrix: string, file: string, plan: Plan, folder: string): Promise<VariedBlocks> {
  const { readMatrix } = await import("../experiment/matrix.ts");
  const { variedBlocks } = await import("../experiment/sensitivity-inputs.ts");
  const [block] = readMatrix(matrix, file).matrix.blocks;
  const ratios = (block.overcommit ?? []).toSorted((a, b) => a - b);
  const ends = { ...block, overcommit: [ratios[0], ratios[ratios.length - 1]], exclude: [] };
  return variedBlocks(ends, plan.manifest.blocks[0], dirname(file), folder);
}

/** Most inputs do not move a limit far: between which ratios it was found. */
function startingRatios(curves: readonly OvercommitCurve[], { blocks }: VariedBlocks): FurtherRatio[] {
  return blocks.flatMap(({ name: block, vmms, workloads: [workload], vms = [] }) =>
    curves.flatMap(({ strategy, verdict: { highestRatio, failingRatio } }) => {
      const ratios = [highestRatio, failingRatio].filter((ratio) => ratio !== undefined);
      const isThere = vmms.some(({ label }) => label === strategy);
      return isThere ? ratios.map((ratio) => ({ block, strategy, workload, vms: vms[0], ratio })) : [];
    }),
  );
}

function furtherOf({ block, strategy, workload, vms }: OvercommitCurve, ratio: number | undefined): FurtherRatio[] {
  return ratio === undefined ? [] : [{ block, strategy, workload, vms, ratio }];
}

function isAt({ vmm, ...at }: CellSpec, { block, strategy, workload, vms, ratio }: FurtherRatio): boolean {
  const same = at.block === block && at.workload === workload && at.vms === vms && at.overcommit === ratio;
  return same && vmm.label === strategy;
}
