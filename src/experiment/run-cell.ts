/** One cell from its spec to its result. What several cells share (documents, streams, VMMs) is kept between them. */
import { InputError } from "../core/input-error.ts";
import { thrownText } from "../core/thrown-text.ts";
import { type CellOutcome, type CellResult, type CellSpec, workloadOf } from "../sim/cell.ts";
import { unkeptEntitlement } from "../sim/cpu-admission.ts";
import type { HostWatch } from "../sim/host-watch.ts";
import { simulate, workDigest } from "../sim/simulate.ts";
import { BrokenContract, WrongAnswer } from "../vmm/allocation/wrong-answer.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { groupOf } from "../workload/vm-settings.ts";
import { RESULT_SCHEMA } from "./cells.ts";
import { compileGuest, loadWorkload, type LoadedWorkload } from "./documents/load.ts";
import { moduleError } from "./module-errors.ts";
import { operationCosts } from "./operation-costs.ts";
import { RecentlyUsed } from "./recently-used.ts";
import { skipAdvice } from "./skip-advice.ts";
import { systemOf } from "./system-of-cell.ts";

/** A cell and where the files it names are. */
export interface PlannedCell {
  readonly key: string;
  readonly spec: CellSpec;
  /** By the name that the spec uses. */
  readonly workloadFiles: Readonly<Record<string, string>>;
  readonly machineFile: string;
  /** Modules of VMMs and parts are relative to this folder. */
  readonly folder: string;
  /** Keep every decision about memory, and where the memory of each VM is. */
  readonly watched?: boolean;
}

/** Cells come ordered by workload and seed, so that a few streams are enough; those of a host take some 100 MB. */
const streams = new RecentlyUsed<readonly CompiledWorkload[]>(4);
const workloads = new RecentlyUsed<LoadedWorkload>(16);

/** Never throws: what goes wrong in a cell is its result, and the other cells go on. `watch`: what is to be filled. */
export async function runCell(cell: PlannedCell, watch?: HostWatch): Promise<CellResult> {
  const { key, spec } = cell;
  const empty = { schema: RESULT_SCHEMA, key, spec, streamDigest: "", metrics: {}, cycles: {}, events: {} } as const;
  let modules: readonly string[] = [];
  try {
    const { loaded, profile } = await systemOf(cell);
    modules = loaded.moduleNames;
    const reason = skipAdvice(loaded, profile, spec);
    if (reason !== undefined) return { ...empty, status: "skipped", reason };
    const guests = streams.get([spec.seed, ...filesOf(cell)].join("\0"), () => guestsOf(cell));
    const unkept = spec.vms === undefined ? undefined : unkeptEntitlement(loaded.vmm, guests);
    if (unkept !== undefined) return { ...empty, status: "skipped", reason: unkept };
    const outcome = simulate(loaded.vmm, profile, withSettings(guests, spec.settings), spec, operationCosts, watch);
    requireFinite(outcome);
    return { ...empty, status: "done", streamDigest: workDigest(guests), ...outcome };
  } catch (error) {
    const reason = reasonOf(error, modules, cell.folder);
    return { ...empty, status: "failed", reason, ...(WrongAnswer.isOne(error) && { wrongInput: true }) };
  }
}

/** In words; `modules`: what the cell's VMM has from outside the package, which may be to blame. */
function reasonOf(error: unknown, modules: readonly string[], folder: string): string {
  const reason = thrownText(error);
  if (modules.length === 0) return reason;
  const from = modules.join(", ");
  if (BrokenContract.isOne(error)) return `${from}: ${reason}`;
  // A policy has been called by its name, which the file gives; other wrong input has nothing to do with the file.
  const isTold = error instanceof InputError || WrongAnswer.isOne(error);
  if (isTold || (error instanceof Error && error.cause !== undefined)) return reason;
  return moduleError(error, folder) ?? `${reason} (with parts from ${from})`;
}

/** The workload file of each VM. */
function filesOf({ workloadFiles, spec }: PlannedCell): readonly string[] {
  return Array.from({ length: spec.vms ?? 1 }, (_, vm) => workloadFiles[workloadOf(spec, vm)]);
}

function guestsOf(cell: PlannedCell): readonly CompiledWorkload[] {
  return filesOf(cell).map((file, vm) => {
    const loaded = workloads.get(file, () => loadWorkload(file));
    return compileGuest(loaded, cell.spec.seed, vm);
  });
}

function withSettings(guests: readonly CompiledWorkload[], groups: CellSpec["settings"]): readonly CompiledWorkload[] {
  return guests.map((workload, vm) => {
    const group = groupOf(groups, vm);
    if (group === undefined) return workload;
    const { memory, driver, statistics, diskShares, startUs } = group;
    const settings = { ...(memory && { memory }), ...(driver && { driver }), ...(statistics && { statistics }) };
    return {
      ...workload,
      guest: { ...workload.guest, ...settings },
      ...(diskShares !== undefined && { diskShares }),
      ...(startUs !== undefined && { startUs }),
    };
  });
}

/** JSON would turn these into null, and every mean over them into nonsense. */
function requireFinite({ metrics, cycles }: CellOutcome): void {
  for (const [name, value] of [...Object.entries(metrics), ...Object.entries(cycles)]) {
    if (!Number.isFinite(value)) throw new Error(`the simulation gave ${name} = ${value}`);
  }
}
