/** Contracts of the parts that act at host resolution: many guests, every page. */
import type { Ledger } from "../core/ledger.ts";
import type { MachineProfile } from "../machine/profile.ts";

export interface HostContext {
  readonly profile: MachineProfile;
  readonly ledger: Ledger;
}

export interface MemoryMechanism {
  readonly name: string;
}

export interface Allocation {
  readonly name: string;
}

export interface Scheduler {
  readonly name: string;
}
