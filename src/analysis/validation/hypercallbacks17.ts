/**
 * Amit, Wei and Tu 2017, Hypercallbacks: what code of a guest's takes that says whether a page can be dropped. Not held against are
 * their run of SysBench, whose times are those of a disk that the source does not name, and the hypercall that they quote from
 * elsewhere for a processor that they do not.
 */
import { PendingCharges } from "../../core/pending-charges.ts";
import { RandomStream } from "../../core/random.ts";
import { CompressedSizes } from "../../machine/compressed-sizes.ts";
import { HostMemory } from "../../vmm/host-memory/host-memory.ts";
import { hypercallbacks } from "../../vmm/memory/hypercallbacks.ts";
import { Worth } from "../../vmm/host-memory/vm-memory.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const MACHINE = "core2-asplos06";

/** Cycles of the guest's code for a page that it says this of. */
function callback(bench: Bench, worth: Worth): number {
  const memory = new HostMemory(bench.profile(MACHINE), 1, new PendingCharges());
  const { definition, parameters } = hypercallbacks();
  definition.create(parameters, {
    profile: bench.profile(MACHINE),
    memory,
    mechanisms: [],
    compressedSizes: new CompressedSizes(),
    random: (name) => new RandomStream(1, name),
  });
  const vm = memory.addVm(1);
  memory.write(vm, 0, 1);
  vm.discardable = { worthOf: () => worth, drop: () => undefined };
  const before = memory.payer.total;
  memory.discarder?.discard(vm, 0);
  return memory.payer.total - before;
}

function row(name: string, worth: Worth): ValidationRow {
  return {
    id: `hypercallbacks17.cb.${name}`,
    role: "calibration",
    simulate: (bench) => callback(bench, worth),
  };
}

export const hypercallbacks17: ValidationSet = {
  name: "hypercallbacks17",
  source: "Amit, Wei and Tu 2017, Hypercallbacks",
  rows: [row("keep", Worth.Needed), row("cache", Worth.Cached), row("free", Worth.Free)],
};
