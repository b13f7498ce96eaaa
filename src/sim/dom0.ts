/**
 * The memory of dom0, where it is held against the host's: a Linux like any other, with a balloon driver, a swap device, and
 * processes that need their pages when a domain is built. Back ends are in its kernel, which is never swapped out.
 */
import { FREE, PendingCharges } from "../core/pending-charges.ts";
import { DiskRequestKind } from "../guest/disk-requests.ts";
import { bootContents, GuestMemory } from "../guest/memory-manager.ts";
import type { DriverDomain } from "../vmm/host-memory/driver-domain.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import { DOM0_SWAP_PAGE } from "./disk-areas.ts";
import { GuestBalloon } from "./guest-balloon.ts";
import { GuestPhysicalMemory } from "./guest-physical-memory.ts";
import { TrueStatistics } from "./guest-statistics.ts";
import type { GuestSurroundings } from "./guest-surroundings.ts";
import { hostDiskJob, type Waiter } from "./io-job.ts";
import type { Vcpu } from "./vcpu.ts";

export class Dom0 {
  readonly memory: GuestMemory;
  readonly #domain: DriverDomain;
  readonly #around: GuestSurroundings;

  /** dom0 is there first, with no more than no VM is promised. */
  constructor(domain: DriverDomain, around: GuestSurroundings) {
    this.#domain = domain;
    this.#around = around;
    const shape = shapeOf(domain);
    const { vm } = domain;
    const contents = bootContents(shape, around.ids);
    const physical = new GuestPhysicalMemory(around.host, vm, contents, true);
    this.memory = new GuestMemory(shape, physical, around.ids, around.kernel);
    this.memory.boot(shape, contents);
    vm.reads = this.memory.pages;
    vm.statistics = new TrueStatistics(this.memory);
    vm.balloon = { poll: (target, most) => void this.memory.balloon.poll(target, most) };
    this.#atNoCost(() => {
      this.memory.balloon.poll(vm.pages - domain.ownPages, vm.pages);
      vm.size = vm.pages - vm.ballooned;
      physical.populate(0, true, false);
    });
  }

  /** The first VMs have been built: what they did not need of its memory it has still. */
  keepRest(): void {
    const { vm, fixed } = this.#domain;
    if (fixed) return;
    this.#atNoCost(() => this.memory.balloon.poll(vm.ballooned - this.#around.host.frames.free, vm.pages));
    vm.size = vm.pages - vm.ballooned;
  }

  /** The host runs: from now on its driver's steps cost its vCPU. */
  runOn(vcpu: Vcpu): void {
    this.memory.requests.clear();
    this.#domain.vm.balloon = new GuestBalloon(this.memory, { vcpu, vmmCall: FREE }, this.#around, (waiter) => {
      this.#submit(waiter);
      this.#around.processors.wake(vcpu);
    });
  }

  /** The toolstack builds a domain; `built` waits for its pages that have to be read back. */
  useProcesses(built: Waiter): void {
    for (let page = 0; page < this.#domain.processPages; page++) this.memory.anonymous.touch(page);
    this.#submit(built);
  }

  /** Nobody waits for what is written. */
  #submit(waiter: Waiter): void {
    const { requests } = this.memory;
    const { devices } = this.#around;
    for (let i = 0; i < requests.length; i++) {
      const write = requests.kind(i) === DiskRequestKind.SwapWrite;
      const reader = write ? undefined : waiter;
      const first = DOM0_SWAP_PAGE + requests.first(i);
      devices.submit(hostDiskJob(reader, first, requests.pages(i), write), this.#around.now());
    }
    requests.clear();
  }

  #atNoCost(work: () => void): void {
    const { host } = this.#around;
    const { payer } = host;
    host.payer = new PendingCharges();
    work();
    host.payer = payer;
  }
}

/** Absent where dom0's memory is not held against the host's. */
export function dom0Of(around: GuestSurroundings): Dom0 | undefined {
  const { driverDomain } = around.host;
  return driverDomain && new Dom0(driverDomain, around);
}

function shapeOf({ vm, kernelPages, processPages, swapPages }: DriverDomain): GuestShape {
  return {
    memoryPages: vm.pages,
    kernelPages,
    processes: 1,
    anonymousPages: processPages,
    residentAnonymousPages: processPages,
    filePages: 0,
    residentFilePages: 0,
    swapPages,
    threads: 1,
  };
}
