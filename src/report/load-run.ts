/** A run as reports need it: results in the order of the matrix, what was run, and the sources of the machine's numbers. */
import { basename, dirname, resolve } from "node:path";
import { InputError } from "../core/input-error.ts";
import { requireIdenticalWork, type Results } from "../analysis/results.ts";
import { locate } from "../experiment/catalogue.ts";
import { loadMachine } from "../experiment/documents/load-machine.ts";
import type { SourcedNumber } from "../experiment/documents/machine-numbers.ts";
import { type Manifest, variationsOf } from "../experiment/manifest.ts";
import { readResults } from "../experiment/store.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { CellResult } from "../sim/cell.ts";

export interface Run {
  readonly results: Results;
  readonly manifest: Manifest;
  /** Numbers of each machine with their sources; missing where the description has changed since the run. */
  readonly machines: ReadonlyMap<string, readonly SourcedNumber[]>;
  /** Costs of the same machines. */
  readonly profiles: ReadonlyMap<string, MachineProfile>;
}

/**
 * Read a results folder. Throws an {@link InputError} when it is not one, or when cells that a report would compare have
 * replayed different operation streams.
 */
export async function loadRun(folder: string): Promise<Run> {
  const { manifest, cells } = await readResults(folder);
  const { serviceLevel } = manifest;
  const results = {
    name: basename(resolve(folder)),
    cells: inMatrixOrder(cells, manifest),
    serviceLevel,
    variations: variationsOf(manifest),
  };
  requireIdenticalWork(results.cells);
  return { results, manifest, ...unchangedMachines(manifest) };
}

/** Cells are stored by key, which is a hash; people want the order they wrote. */
function inMatrixOrder(cells: readonly CellResult[], { blocks }: Manifest): CellResult[] {
  const rank = ({ spec }: CellResult): number[] => {
    const index = blocks.findIndex((block) => block.name === spec.block);
    const { workloads = [], machines = [], vmms = [] } = blocks[index] ?? {};
    return [
      index,
      workloads.indexOf(spec.workload),
      machines.indexOf(spec.machine),
      spec.vms ?? 0,
      vmms.findIndex((vmm) => vmm.label === spec.vmm.label),
      spec.overcommit ?? 0,
      spec.seed,
    ];
  };
  const ranked = cells.map((cell) => ({ cell, rank: rank(cell) }));
  return ranked.sort((a, b) => compareRanks(a.rank, b.rank)).map(({ cell }) => cell);
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const different = a.findIndex((value, index) => value !== b[index]);
  return different === -1 ? 0 : a[different] - b[different];
}

function unchangedMachines(manifest: Manifest): Pick<Run, "machines" | "profiles"> {
  const machines = new Map<string, readonly SourcedNumber[]>();
  const profiles = new Map<string, MachineProfile>();
  for (const [name, { sha256 }] of Object.entries(manifest.machines)) {
    try {
      const machine = loadMachine(locate("machines", name, dirname(manifest.matrix.file)));
      if (machine.digest !== sha256) continue;
      machines.set(name, machine.numbers);
      profiles.set(name, machine.profile);
    } catch (error) {
      // Results outlive the descriptions they were made from; a report then does without the sources.
      if (!(error instanceof InputError)) throw error;
    }
  }
  return { machines, profiles };
}
