import { expect } from "vitest";
import { isCompressed, isPatched, isSwapped } from "../../src/vmm/host-memory/vm-memory.ts";
import { PendingCharges } from "../../src/core/pending-charges.ts";
import { RandomStream } from "../../src/core/random.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import type { KernelVersion } from "../../src/guest/kernel-version.ts";
import { Frontswap } from "../../src/guest/frontswap.ts";
import { GuestMemory } from "../../src/guest/memory-manager.ts";
import { ContentIds } from "../../src/machine/content-ids.ts";
import { GuestPhysicalMemory } from "../../src/sim/guest-physical-memory.ts";
import { FrameState } from "../../src/machine/frames.ts";
import type { KernelName, MachineProfile } from "../../src/machine/profile.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { HostMemory } from "../../src/vmm/host-memory/host-memory.ts";
import { type HostParts, hostParts } from "../../src/vmm/host-parts.ts";
import type { Policy } from "../../src/vmm/memory/policies/policy-contract.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { OperationStreamBuilder } from "../../src/workload/operation-stream.ts";

export const { profile } = loadMachine("machines/xeon-2.4-sosp03.yaml");

export const SHAPE: GuestShape = {
  memoryPages: 96,
  kernelPages: 8,
  processes: 1,
  anonymousPages: 60,
  residentAnonymousPages: 20,
  filePages: 40,
  residentFilePages: 10,
  swapPages: 64,
  threads: 1,
};

/** A guest that needs next to nothing of a host. */
export const SMALL_GUEST: GuestShape = {
  memoryPages: 2048,
  kernelPages: 100,
  processes: 1,
  anonymousPages: 100,
  residentAnonymousPages: 50,
  filePages: 100,
  residentFilePages: 0,
  swapPages: 100,
  threads: 1,
};

/** A guest with all its memory in use, no page of it like another; those of two such guests are equal. */
export const FULL_GUEST: GuestShape = {
  memoryPages: 4096,
  kernelPages: 1000,
  processes: 1,
  anonymousPages: 2000,
  residentAnonymousPages: 2000,
  filePages: 500,
  residentFilePages: 500,
  swapPages: 0,
  threads: 1,
  contents: BigUint64Array.from({ length: 4096 }, (_, page) => BigInt(page + 1)),
};

/** A policy of which only the name and the decisions matter: it is called once a second, and may count its calls. */
export const SCRIPTED = {
  summary: "",
  side: "host",
  source: "",
  grade: "A",
  cadenceUs: 1e6,
  balloons: true,
  signals: [],
  parameters: {},
  start: () => 0,
} as const satisfies Omit<Policy<Record<string, never>, number>, "name" | "decide">;

/** The memory side of a host: the parts of a VMM, put together as the simulation does it, without CPUs and devices. */
export interface TestHost extends HostParts {
  readonly memory: HostMemory;
  readonly ids: ContentIds;
}

function namedStream(name: string): RandomStream {
  return new RandomStream(1, name);
}

export function buildHost(
  vmm: Pick<Vmm, "memory" | "allocation" | "scheduler">,
  frames: number,
  machine: MachineProfile = profile,
): TestHost {
  const memory = new HostMemory(machine, frames, new PendingCharges());
  const ids = new ContentIds();
  return { memory, ids, ...hostParts(vmm, machine, memory, ids.compressed, namedStream) };
}

/** A guest on the host, built like in the simulation; `target` pages of machine memory if VMs are populated. */
export function addGuest(
  host: TestHost,
  shape: GuestShape,
  contents: Uint32Array,
  target: number,
  kernel: KernelName = profile.kernel,
  version?: KernelVersion,
): GuestMemory {
  const vm = host.memory.addVm(shape.memoryPages);
  const physical = new GuestPhysicalMemory(host.memory, vm, contents, host.allocation.populates);
  const guest = new GuestMemory(shape, physical, host.ids, kernel, { version });
  guest.boot(shape, contents);
  vm.target = target;
  vm.reads = guest.pages;
  if (host.allocation.populates) guest.balloon.poll(shape.memoryPages - target, shape.memoryPages);
  physical.populate(shape.contents?.length ?? 0, host.allocation.populates, false);
  const { frontswap: keeper } = host.memory;
  if (keeper !== undefined) {
    guest.anonymous.swap.frontswap = new Frontswap({
      store: (slot, ppn) => keeper.put(vm, slot, ppn),
      load: (slot, ppn) => keeper.get(vm, slot, ppn),
      invalidate: (slot) => keeper.flush(vm, slot),
    });
  }
  if (host.mechanisms.some(({ kind }) => kind === "cooperative")) {
    vm.balloon = { poll: (pages, most, step) => void guest.balloon.poll(pages, most, step?.reclaims) };
  }
  return guest;
}

/** The conservation law and the reference counts, recounted from scratch; one comparison, since this runs at every step. */
export function checkFrames({ frames, vms: guests, driverDomain, vmmText, zeroFrame, patcher }: HostMemory): void {
  const vms = driverDomain === undefined ? guests : [...guests, driverDomain.vm];
  const byState = [0, 0, 0, 0];
  for (let mpn = 0; mpn < frames.content.length; mpn++) byState[frames.state(mpn)]++;
  // Frames without a number: those that have never been used, and those that the VMM keeps for good.
  const numbered =
    frames.forVms + (driverDomain?.ownPages ?? 0) + (vmmText?.text.pages ?? 0) + (zeroFrame >= 0 ? 1 : 0);
  byState[FrameState.Free] += numbered - frames.content.length;
  byState[FrameState.Overhead] += frames.total - numbered;
  const references = new Int32Array(frames.content.length);
  // The VMM maps its frame of zeros itself.
  if (zeroFrame >= 0) references[zeroFrame] = 1;
  const places = vms.map((vm) => {
    for (const place of vm.backing) if (place >= 0) references[place]++;
    const count = (fits: (place: number) => boolean): number => vm.backing.filter(fits).length;
    const here = [count((place) => place >= 0), count((place) => place === -2)];
    return [...here, count(isCompressed), count(isPatched), count(isSwapped)];
  });
  // What guests share: a frame that only patches need saves nothing.
  const saved = references.reduce((sum, count) => sum + Math.max(0, count - 1), 0);
  for (const mpn of patcher?.heldFrames() ?? []) references[mpn]++;
  const wrong: string[] = [];
  references.forEach((count, mpn) => {
    if (frames.state(mpn) === FrameState.Overhead) return;
    if (frames.references(mpn) !== count)
      wrong.push(`frame ${mpn}: ${frames.references(mpn)} references, not ${count}`);
    if (frames.isPrivate(mpn) && count !== 1) wrong.push(`private frame ${mpn} with ${count}`);
  });
  const counted = [frames.available, frames.private, frames.shared, frames.overhead];
  const mapped = vms.map((vm) => [vm.mapped, vm.ballooned, vm.compressed, vm.patched, vm.swapped]);
  const total = counted.reduce((sum, one) => sum + one, 0);
  expect({ counted, mapped, saved: frames.saved, total, wrong }).toEqual({
    counted: byState,
    mapped: places,
    saved,
    total: frames.total,
    wrong: [],
  });
}

/** A guest of 256 MiB with these contents, 25,000 of its pages in use, that does nothing for three seconds. */
export function idleGuest(contents: BigUint64Array): CompiledWorkload {
  const guest = {
    memoryPages: 65_536,
    kernelPages: 10_000,
    processes: 1,
    anonymousPages: 5000,
    residentAnonymousPages: 5000,
    filePages: 10_000,
    residentFilePages: 10_000,
    swapPages: 65_536,
    threads: 1,
    contents,
  };
  return { name: "idle", guest, stream: new OperationStreamBuilder().finish(), durationUs: 3e6, warmupUs: 0 };
}
