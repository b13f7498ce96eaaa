/** How many VMs a host holds: a run that grows by the numbers of VMs that a search asks for. */
import type { VmCountCurve } from "../analysis/vm-count.ts";
import type { VmCountQuestion, VmCountStart, WantedCount } from "../experiment/vm-count-matrix.ts";
import { MAX_VMS } from "../workload/vm-settings.ts";
import type { ExecuteArguments } from "./execute-plan.ts";
import { type Answer, executeRound, type MatrixText } from "./overcommit-search.ts";

/** `counts`: numbers of VMs to begin with; undefined: half of what just fits, that, and half as many more. */
export async function searchVmCounts(
  { text, file }: MatrixText,
  question: VmCountQuestion,
  args: ExecuteArguments,
  counts: readonly number[] | undefined,
): Promise<Answer> {
  const { HIGHEST_RATIO, nextVmCount } = await import("../analysis/overcommit-search.ts");
  const { vmCountCurves } = await import("../analysis/vm-count.ts");
  const { defaultFolder, planMatrix } = await import("../experiment/plan.ts");
  const { vmCountMatrix, vmCountStart } = await import("../experiment/vm-count-matrix.ts");
  const start = vmCountStart(text, file, question);
  const mostOf = (workload: string): number => {
    const { fit = 1 } = start.workloads.find((one) => one.workload === workload) ?? {};
    return Math.min(MAX_VMS, HIGHEST_RATIO * fit);
  };
  const wanted = firstCounts(start, counts);
  const begun = wanted.length;
  let folder: string | undefined;
  for (;;) {
    const plan = await planMatrix(vmCountMatrix(text, file, question, wanted), file);
    folder ??= `${defaultFolder(plan)}-search-vms`;
    const growing = { folder, begun: wanted.length > begun };
    const { summary, results } = await executeRound(plan, args, growing);
    if (results === undefined) return { summary, notes: [] };
    const curves = vmCountCurves(results);
    const further = curves.flatMap((curve): WantedCount[] => {
      const { strategy, workloads } = curve;
      const [workload] = start.workloads.length === 1 ? [start.workloads[0].workload] : workloads;
      const vms = nextVmCount(curve, mostOf(workload));
      return vms === undefined ? [] : [{ strategy, workload, vms }];
    });
    const isNew = (one: WantedCount): boolean => !wanted.some((other) => isSame(one, other));
    if (!further.some(isNew)) return { summary, results, notes: copiesIn(curves, start) };
    wanted.push(...further.filter(isNew));
  }
}

/** The memory of so many guests was measured, and no more. */
function copiesIn(curves: readonly VmCountCurve[], { contents }: VmCountStart): readonly string[] {
  const work = curves.flatMap(({ points }) => points.flatMap((point) => point.work));
  return [...contents].flatMap(([name, guests]) => {
    const copied = work.some(({ workload, vms }) => workload === name && vms > guests);
    const what = `${name} has the memory of ${guests} guests; further VMs start as copies of these`;
    return copied ? [`note: ${what}, so that page sharing looks better than it is`] : [];
  });
}

function isSame(a: WantedCount, b: WantedCount): boolean {
  return a.strategy === b.strategy && a.workload === b.workload && a.vms === b.vms;
}

function firstCounts({ strategies, workloads }: VmCountStart, counts: readonly number[] | undefined): WantedCount[] {
  return workloads.flatMap(({ workload, fit }) => {
    const few = Math.max(1, Math.floor(fit / 2));
    const first = counts ?? [...new Set([few, fit, Math.min(MAX_VMS, Math.ceil(1.5 * fit))])];
    return strategies.flatMap((strategy) => first.map((vms) => ({ strategy, workload, vms })));
  });
}
