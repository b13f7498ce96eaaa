/** The simulations that rows of a validation ask for, each run at most once. */
import { InputError } from "../../core/input-error.ts";
import { suggestion } from "../../core/nearest-name.ts";
import { locate } from "../../experiment/catalogue.ts";
import { compileGuests, type LoadedWorkload, loadWorkload } from "../../experiment/documents/load.ts";
import { type LoadedMachine, loadMachine } from "../../experiment/documents/load-machine.ts";
import { chosenBenchmarks } from "../../experiment/operation-table.ts";
import { PAGES_PER_MIB } from "../../machine/page.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import type { CellOutcome } from "../../sim/cell.ts";
import { type MeasuredCost, measureMicrobenchmark } from "../../sim/microbenchmarks/microbenchmark.ts";
import { runHost } from "../../sim/host.ts";
import { runMonitor } from "../../sim/monitor.ts";
import { composeVmm } from "../../vmm/compose.ts";
import type { Vmm } from "../../vmm/contract.ts";
import { PARTS } from "../../vmm/parts.ts";
import { VMMS } from "../../vmm/registry.ts";
import { type CompiledWorkload, USUAL_ENTITLEMENT } from "../../workload/compiled-workload.ts";
import type { Bench, BenchGuests, BenchHost, BenchMemory, VmmReference } from "./validation-set.ts";

const SEED = 1;

export interface MonitoredMachine {
  readonly machine: string;
  readonly vmm: Vmm;
}

/** Every method throws an InputError for a machine, VMM, operation or workload that there is not, or that cannot be run. */
export class SimulatedBench implements Bench {
  readonly #machines = new Map<string, LoadedMachine>();
  readonly #vmms = new Map<string, Vmm>();
  readonly #operations = new Map<string, MeasuredCost>();
  readonly #guests = new Map<string, CompiledWorkload>();
  readonly #outcomes = new Map<string, CellOutcome>();
  readonly #others = new Map<string, unknown>();
  readonly #monitored = new Map<string, MonitoredMachine>();

  /** The machines that were asked for so far. */
  get machines(): readonly LoadedMachine[] {
    return [...this.#machines.values()];
  }

  /** The VMMs that were simulated so far, with each machine that they were simulated on. */
  get monitored(): readonly MonitoredMachine[] {
    return [...this.#monitored.values()];
  }

  profile(machine: string): MachineProfile {
    return once(this.#machines, machine, () => loadMachine(locate("machines", machine, "."))).profile;
  }

  operation(machine: string, vmm: VmmReference, operation: string): MeasuredCost {
    return once(this.#operations, keyOf(machine, vmm, operation), () => {
      const profile = this.profile(machine);
      const [benchmark] = chosenBenchmarks(profile, [operation]);
      return measureMicrobenchmark(benchmark, this.#vmm(machine, vmm), profile);
    });
  }

  workload(machine: string, vmm: VmmReference, workload: string): CellOutcome {
    return once(this.#outcomes, keyOf(machine, vmm, workload), () => {
      const guest = once(this.#guests, workload, () => compileOne(workload));
      return runMonitor(this.#vmm(machine, vmm), this.profile(machine), guest);
    });
  }

  host(host: BenchHost): CellOutcome {
    return once(this.#outcomes, JSON.stringify(host), () => {
      const guests = host.guests.flatMap((group) => compileGroup(group, host));
      const pages = guests.reduce((sum, { guest }) => sum + guest.memoryPages, 0);
      return runHost(this.#vmm(host.machine, host.vmm), this.profile(host.machine), guests, pages);
    });
  }

  memory(name: string, { machine, vmm, mib, guests, asReleased }: BenchMemory): CellOutcome {
    return once(this.#outcomes, JSON.stringify([name, machine, vmm, mib, asReleased]), () => {
      const profile = this.profile(machine);
      const { kernelBuild: _, ...released } = profile;
      return runHost(
        this.#vmm(machine, vmm),
        asReleased ? released : profile,
        guests(),
        Math.round(mib * PAGES_PER_MIB),
      );
    });
  }

  once<T>(name: string, compute: () => T): T {
    // The name says of what type it is: a set has each of its names in one place.
    return once(this.#others, name, compute) as T;
  }

  #vmm(machine: string, reference: VmmReference): Vmm {
    const vmm = once(this.#vmms, JSON.stringify(reference), () => vmmOf(reference));
    once(this.#monitored, keyOf(machine, reference, ""), () => ({ machine, vmm }));
    return vmm;
  }
}

function once<T>(known: Map<string, T>, key: string, make: () => T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = make();
  known.set(key, made);
  return made;
}

function keyOf(machine: string, vmm: VmmReference, work: string): string {
  return JSON.stringify([machine, vmm, work]);
}

function compileOne(workload: string): CompiledWorkload {
  return compileGuests(loadWorkload(locate("workloads", workload, ".")), SEED, 1)[0];
}

function compileGroup(
  { workload, count, shares, vcpus, requests }: BenchGuests,
  { seconds, warmupSeconds, seed = SEED }: BenchHost,
): CompiledWorkload[] {
  const loaded = withRequests(loadWorkload(locate("workloads", workload, ".")), requests);
  return compileGuests(loaded, seed, count).map((compiled, i) => ({
    ...compiled,
    ...(seconds !== undefined && { durationUs: 1e6 * seconds, warmupUs: 1e6 * (warmupSeconds ?? 0) }),
    guest: {
      ...compiled.guest,
      ...(vcpus !== undefined && { vcpus }),
      ...(shares !== undefined && { cpu: { ...USUAL_ENTITLEMENT, shares: shares[i] } }),
    },
  }));
}

function withRequests(loaded: LoadedWorkload, requests: number | undefined): LoadedWorkload {
  const { work } = loaded.workload;
  if (requests === undefined) return loaded;
  if (work.kind !== "closed") throw new Error(`workload "${loaded.workload.name}" is no closed loop`);
  return { ...loaded, workload: { ...loaded.workload, work: { ...work, requests } } };
}

function vmmOf(reference: VmmReference): Vmm {
  const entries = typeof reference === "string" ? [[reference, {}] as const] : Object.entries(reference);
  if (entries.length !== 1) throw new InputError(`${JSON.stringify(reference)}: expected one VMM with its changes`);
  const [[name, changes]] = entries;
  const base = VMMS.find((vmm) => vmm.name === name);
  if (base === undefined) {
    const names = VMMS.map((vmm) => vmm.name);
    throw new InputError(`there is no VMM "${name}"; ${suggestion(name, names)}`);
  }
  const { vmm, problems } = composeVmm(base, changes, PARTS);
  if (problems.length > 0) throw new InputError(problems.map(({ key, message }) => `${name}: ${key}: ${message}`));
  return vmm;
}
