/**
 * The service console of ESX: a Linux system that is no VM. It runs on the first pCPU only, whoever else would like to, and has
 * memory of its own, which VMs do not get. Its agents look at the VMs now and then; its clock ticks in any case.
 */
import { cause } from "../core/ledger.ts";
import { SECOND_US } from "../core/time.ts";
import { kernelPaths } from "../guest/kernel-paths.ts";
import { KERNEL_VERSIONS } from "../guest/kernel-version.ts";
import { PAGES_PER_MIB } from "../machine/page.ts";
import { type MachineProfile, microsecondsToCycles, primitiveCost } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { ConsoleSettings } from "../vmm/host-contract.ts";
import { consoleOf } from "../vmm/made-part.ts";
import { type CompiledWorkload, USUAL_ENTITLEMENT } from "../workload/compiled-workload.ts";
import type { EventQueue } from "./event-queue.ts";
import { Event } from "./host-events.ts";
import type { Processors } from "./processors.ts";
import type { Vcpu, VcpuWork } from "./vcpu.ts";

const AGENTS = cause("vmm.console-agents");
const TIMER = cause("vmm.console-timer");
const PCPU = 0;
/** It is a Linux 2.4. Ten of its ticks are charged together. */
const TICK_US = SECOND_US / KERNEL_VERSIONS["linux-2.4"].hz;
const TICKS_AT_ONCE = 10;
/** MiB for so many vCPUs of VMs at most (ESX Server 2.x administration guide, "Service Console Memory"). */
const MEMORY_MIB: readonly (readonly [vcpus: number, mib: number])[] = [
  [8, 192],
  [16, 272],
  [32, 384],
  [Infinity, 512],
];

/** Pages that it has on a host for these VMs. */
export function consolePages(workloads: readonly CompiledWorkload[]): number {
  const vcpus = workloads.reduce((sum, { guest }) => sum + (guest.vcpus ?? 1), 0);
  const [, mib] = MEMORY_MIB.find(([most]) => vcpus <= most) ?? [0, 0];
  return mib * PAGES_PER_MIB;
}

export class ServiceConsole implements VcpuWork {
  readonly #vcpu: Vcpu;
  readonly #processors: Processors;
  readonly #events: EventQueue;
  readonly #period: number;
  readonly #agents: number;
  readonly #timer: number;

  constructor(
    { shares, reservationPercent, loadPercent }: ConsoleSettings,
    profile: MachineProfile,
    processors: Processors,
    events: EventQueue,
  ) {
    const reservationMhz = (profile.megahertz * reservationPercent) / 100;
    const entitlement = { ...USUAL_ENTITLEMENT, shares, reservationMhz };
    this.#vcpu = processors.addVcpu(this, { ...entitlement, drivers: false, pinnedTo: PCPU });
    this.#processors = processors;
    this.#events = events;
    this.#period = microsecondsToCycles(profile, TICK_US * TICKS_AT_ONCE);
    this.#agents = Math.round((this.#period * loadPercent) / 100);
    this.#timer = primitiveCost(profile, "hardware.interrupt") + kernelPaths(profile)["timer-interrupt"].cycles;
    events.add(this.#period, Event.Console);
  }

  /** There is something to do again. */
  onEvent(now: number): void {
    this.#vcpu.pending.add(TIMER, this.#timer * TICKS_AT_ONCE, TICKS_AT_ONCE);
    if (this.#agents > 0) this.#vcpu.pending.add(AGENTS, this.#agents);
    this.#processors.wake(this.#vcpu);
    this.#events.add(now + this.#period, Event.Console);
  }

  advance(): boolean {
    return false;
  }
}

/** That of the VMM's scheduler; undefined: it has none. */
export function serviceConsole(
  vmm: Pick<Vmm, "scheduler">,
  profile: MachineProfile,
  processors: Processors,
  events: EventQueue,
): ServiceConsole | undefined {
  const settings = consoleOf(vmm.scheduler);
  return settings && new ServiceConsole(settings, profile, processors, events);
}
