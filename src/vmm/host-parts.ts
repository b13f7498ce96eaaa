/** The parts of a VMM that act at host resolution, put to work on a host's memory. */
import type { RandomStream } from "../core/random.ts";
import type { CompressedSizes } from "../machine/compressed-sizes.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "./contract.ts";
import type { Allocation, HostContext, MemoryMechanism, Scheduler } from "./host-contract.ts";
import type { HostMemory } from "./host-memory/host-memory.ts";
import { makePart } from "./made-part.ts";

export interface HostParts {
  /** In order of preference. */
  readonly mechanisms: readonly MemoryMechanism[];
  readonly allocation: Allocation;
  readonly scheduler: Scheduler;
}

/** `random`: a stream of the named part's own. Throws an InputError where parts do not go together. */
export function hostParts(
  vmm: Pick<Vmm, "memory" | "allocation" | "scheduler">,
  profile: MachineProfile,
  memory: HostMemory,
  compressedSizes: CompressedSizes,
  random: (name: string) => RandomStream,
): HostParts {
  const mechanisms: MemoryMechanism[] = [];
  const context: HostContext = { profile, memory, compressedSizes, mechanisms, random };
  for (const part of vmm.memory) mechanisms.push(makePart(part, context));
  return { mechanisms, allocation: makePart(vmm.allocation, context), scheduler: makePart(vmm.scheduler, context) };
}
