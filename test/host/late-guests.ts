/** Guests whose VMs start while the host runs, and what building them takes. */
import { primitiveCost } from "../../src/machine/profile.ts";
import { runHost } from "../../src/sim/host.ts";
import type { CellOutcome } from "../../src/sim/cell.ts";
import { staticPartition } from "../../src/vmm/allocation/static-partition.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { profile } from "./fixtures.ts";

export const MS = profile.megahertz * 1000;
export const PAGES = 32_768;
export const MIB = 256;
export const SHAPE: GuestShape = {
  memoryPages: PAGES,
  kernelPages: 1000,
  processes: 1,
  anonymousPages: 2000,
  residentAnonymousPages: 1000,
  filePages: 2000,
  residentFilePages: 1000,
  swapPages: PAGES,
  threads: 1,
};

/** A guest with one request of 1 ms, a second after its VM is to start; the run takes 40 s. */
export function guest(startUs?: number, settings: Pick<GuestShape, "memory" | "driver"> = {}): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  stream.add(Op.Request, 1, 0, 1);
  stream.add(Op.Compute, MS);
  return {
    name: "late",
    guest: { ...SHAPE, ...settings },
    stream: stream.finish(),
    durationUs: 40e6,
    warmupUs: 0,
    ...(startUs !== undefined && { startUs }),
  };
}

export function run(vmm: Vmm, guests: readonly CompiledWorkload[], hostPages: number): CellOutcome {
  return runHost(vmm, profile, guests, hostPages, () => ({}));
}

export const xenWith = (allocation: Vmm["allocation"]): Vmm => ({ ...xenPv, allocation });
export const staticXen = xenWith(staticPartition());
export const cost = (name: string): number => primitiveCost(profile, name);
/** What it takes to build a domain of so many pages: the control plane, and every page cleaned and mapped. */
export const buildMs = (pages: number): number =>
  (cost("xen.domain-create") + pages * (cost("page.zero") + cost("page.map"))) / MS;
