/** What a matrix names, loaded and checked: VMMs with their changes, workloads, machines. */
import { InputError } from "../core/input-error.ts";
import type { CellSpec } from "../sim/cell.ts";
import { SLOTS, type Vmm } from "../vmm/contract.ts";
import { partsIn } from "../vmm/compose.ts";
import { locate } from "./catalogue.ts";
import { cellKey, describeVmm } from "./cells.ts";
import { type LoadedWorkload, loadWorkload } from "./documents/load.ts";
import { type LoadedMachine, loadMachine } from "./documents/load-machine.ts";
import { densityProblems } from "./documents/vm-settings-problems.ts";
import type { DocumentPath, DocumentProblem } from "./documents/yaml-document.ts";
import { type LoadedVmm, loadVmm } from "./load-vmm.ts";
import type { Manifest } from "./manifest.ts";
import type { MatrixBlock, MatrixFile } from "./matrix.ts";
import type { PlannedCell } from "./run-cell.ts";

type Complain = (path: DocumentPath, message: string) => void;

/** Everything a matrix names (VMMs, workloads, machines), loaded once. */
export class MatrixInputs {
  readonly #folder: string;
  readonly #vmms = new Map<string, LoadedVmm>();
  readonly #workloads = new Map<string, LoadedWorkload>();
  readonly #machines = new Map<string, LoadedMachine>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * `folder`: what paths in the matrix are relative to. Throws an {@link InputError} with every problem of the matrix and of what it
   * names.
   */
  static async load({ matrix, problem }: MatrixFile, folder: string): Promise<MatrixInputs> {
    const inputs = new MatrixInputs(folder);
    const problems: string[] = [];
    for (const [i, block] of matrix.blocks.entries()) {
      await inputs.#loadBlock(block, (path, message) => {
        problems.push(isLocated(message) ? message : problem(["blocks", i, ...path], message));
      });
    }
    if (problems.length > 0) throw new InputError([...new Set(problems)]);
    return inputs;
  }

  async #loadBlock(block: MatrixBlock, complain: Complain): Promise<void> {
    for (const [j, vmm] of block.vmms.entries()) await this.#loadVmm(vmm, ["vmms", j], complain);
    for (const [j, name] of block.workloads.entries()) this.#loadWorkload(name, ["workloads", j], complain);
    this.#loadOtherWorkloads(block, complain);
    for (const name of block.workloads) {
      for (const { path, message } of this.#settingsProblems(block, name)) complain(["settings", ...path], message);
    }
    for (const [j, name] of block.machines.entries()) this.#loadMachine(name, ["machines", j], complain);
  }

  #loadWorkload(name: string, path: DocumentPath, complain: Complain): void {
    const load = (): LoadedWorkload => loadWorkload(locate("workloads", name, this.#folder));
    collect(this.#workloads, name, load, (message) => complain(path, message));
  }

  #loadMachine(name: string, path: DocumentPath, complain: Complain): void {
    const load = (): LoadedMachine => loadMachine(locate("machines", name, this.#folder));
    collect(this.#machines, name, load, (message) => complain(path, message));
  }

  /** What single VMs run. Random streams and prices go by the name in the file, which must tell workloads apart. */
  #loadOtherWorkloads({ settings = [], mix = [], workloads }: MatrixBlock, complain: Complain): void {
    for (const [i, { workload: name }] of settings.entries()) {
      if (name === undefined) continue;
      const others = [...workloads, ...settings.slice(0, i).flatMap((group) => group.workload ?? [])];
      this.#loadOther(name, others, ["settings", i, "workload"], complain);
    }
    for (const [i, { workload }] of mix.entries()) {
      const others = mix.slice(0, i).map((part) => part.workload);
      if (i > 0) this.#loadOther(workload, others, ["mix", workload], complain);
    }
  }

  #loadOther(name: string, others: readonly string[], path: DocumentPath, complain: Complain): void {
    this.#loadWorkload(name, path, complain);
    const own = this.#workloads.get(name);
    const namesake = others.find((other) => {
      const loaded = this.#workloads.get(other);
      return loaded?.workload.name === own?.workload.name && loaded?.digest !== own?.digest;
    });
    if (namesake === undefined) return;
    complain(
      path,
      `${name} and ${namesake} both have the name "${own?.workload.name}"; expected two names on one host`,
    );
  }

  /** Settings of VMs that do not fit the workload, or the host at one of the densities. */
  #settingsProblems({ settings, vms = [], overcommit = [1] }: MatrixBlock, name: string): readonly DocumentProblem[] {
    const workload = this.#workloads.get(name)?.workload;
    const others = settings?.map((group) => this.#workloads.get(group.workload ?? name)?.workload) ?? [];
    if (settings === undefined || workload === undefined || others.includes(undefined)) return [];
    const vmPages = workload.guest.memoryPages;
    const groupPages = others.map((other) => other?.guest.memoryPages);
    const durationUs = Math.max(workload.durationUs, ...others.map((other) => other?.durationUs ?? 0));
    const densities = vms.flatMap((count) => overcommit.map((ratio) => ({ vms: count, overcommit: ratio })));
    return densities.flatMap((density) => densityProblems(settings, { ...density, vmPages, groupPages, durationUs }));
  }

  async #loadVmm(choice: CellSpec["vmm"], path: DocumentPath, complain: Complain): Promise<void> {
    const id = JSON.stringify(choice);
    if (this.#vmms.has(id)) return;
    try {
      const loaded = await loadVmm(choice, this.#folder);
      this.#vmms.set(id, loaded);
      for (const { key, message } of loaded.problems) complain([...path, choice.base, key], message);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      for (const message of error.problems) complain(path, message);
    }
  }

  /** Configured memory of a VM that runs the workload, in pages. */
  pagesOf(workload: string): number {
    return present(this.#workloads, workload).workload.guest.memoryPages;
  }

  /** The cell with its key and the files that it is run from. */
  plan(spec: CellSpec): PlannedCell {
    const workload = present(this.#workloads, spec.workload);
    const others = (spec.settings ?? []).flatMap((group) => group.workload ?? []);
    const otherWorkloads = others.map((name) => present(this.#workloads, name).digest);
    const machine = present(this.#machines, spec.machine);
    const { vmm, modules } = present(this.#vmms, JSON.stringify(spec.vmm));
    const parts = [describeVmm(vmm), ...modules].join("\n");
    const key = cellKey(spec, { workload: workload.digest, otherWorkloads, machine: machine.digest, vmm: parts });
    const files = [spec.workload, ...others].map((name) => [name, present(this.#workloads, name).file]);
    const workloadFiles = Object.fromEntries(files) as Record<string, string>;
    return { key, spec, workloadFiles, machineFile: machine.file, folder: this.#folder };
  }

  /** The block as manifests have it. */
  describe(block: MatrixBlock): Manifest["blocks"][number] {
    const { name, title, vmms, workloads, machines, seeds, vms, overcommit, hostPages, mix, varies } = block;
    return {
      name,
      title,
      vmms: vmms.map((choice) => {
        const { vmm } = present(this.#vmms, JSON.stringify(choice));
        return { ...choice, title: vmm.title, parts: partsOf(vmm) };
      }),
      workloads: mix?.map((part) => part.workload) ?? [...workloads],
      machines: [...machines],
      seeds: [...seeds],
      ...(vms ? { vms: [...vms] } : {}),
      ...(overcommit ? { overcommit: [...overcommit] } : {}),
      ...(hostPages ? { hostPages: [...hostPages] } : {}),
      ...(varies ? { varies } : {}),
    };
  }

  /** Where modules from outside the package compute a path, each place once: what is there is part of no key. */
  computedPaths(): readonly string[] {
    return [...new Set([...this.#vmms.values()].flatMap(({ computedPaths }) => computedPaths))];
  }

  /** Titles and digests by name, as manifests have them. */
  summaries(): Pick<Manifest, "workloads" | "machines"> {
    const workloads = [...this.#workloads].map(([name, { workload, digest: sha256 }]) => {
      return [name, { title: workload.title, summary: workload.summary, sha256 }];
    });
    const machines = [...this.#machines].map(([name, { profile, digest: sha256 }]) => {
      return [name, { title: profile.title, sha256 }];
    });
    return { workloads: Object.fromEntries(workloads), machines: Object.fromEntries(machines) };
  }
}

/** Load what is not there yet, and complain of what cannot be loaded. */
function collect<T>(into: Map<string, T>, name: string, load: () => T, complain: (message: string) => void): void {
  if (into.has(name)) return;
  try {
    into.set(name, load());
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    error.problems.forEach(complain);
  }
}

/** A problem inside a file that the matrix names is told with its place there; any other with its place in the matrix. */
function isLocated(message: string): boolean {
  return /:[0-9]+:[0-9]+: /.test(message);
}

function present<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`${name} was not loaded`);
  return value;
}

/** Parts and parameters by slot, for reports. */
function partsOf(vmm: Vmm): Record<string, unknown> {
  return Object.fromEntries(
    SLOTS.map((slot) => [
      slot,
      Object.fromEntries(partsIn(vmm, slot).map(({ definition, parameters }) => [definition.name, parameters])),
    ]),
  );
}
