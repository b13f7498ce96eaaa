/** The way of an I/O request through the host: the back end, if the VMM has one, then the device. */
import { type CostVector, FREE } from "../core/pending-charges.ts";
import { Disk } from "../machine/disk.ts";
import { MTU, HEADER_BYTES, NetworkLink } from "../machine/network-link.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { VcpuSettings } from "../vmm/host-contract.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Processors, Vcpu, VcpuWork } from "./processors.ts";

const PAYLOAD = MTU - HEADER_BYTES;

/** Who is told when a request is done. */
export interface Waiter {
  begin(): void;
  done(now: number): void;
}

export interface IoJob {
  /** Absent: nobody waits for it. */
  readonly waiter: Waiter | undefined;
  /** Cycles of one unit of back-end work, and how many units. */
  readonly backend: CostVector;
  readonly units: number;
  /** Pages to read or write from this page of the disk on; none for a packet. */
  readonly page: number;
  readonly pages: number;
  /** It is for the VMM's swap space. */
  readonly hostSwap: boolean;
}

/** Packets that `bytes` of payload take. */
export function packetsFor(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / PAYLOAD));
}

/** Whether the last of them is at most half full. */
export function endsInSmallPacket(bytes: number): boolean {
  return bytes - (packetsFor(bytes) - 1) * PAYLOAD <= PAYLOAD / 2;
}

const HOST_DISK = 0;
const SWAP_DISK = 1;

/** A disk and the jobs at it, in order of submission: it serves one after the other. */
class BusyDisk {
  readonly disk: Disk;
  readonly #jobs: IoJob[] = [];
  #first = 0;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /** When the job will be done. */
  submit(job: IoJob, now: number): number {
    this.#jobs.push(job);
    return this.disk.request(now, job.page, job.pages);
  }

  /** The oldest job is done. */
  take(): IoJob {
    const job = this.#jobs[this.#first++];
    if (this.#first === 1024) {
      this.#jobs.splice(0, this.#first);
      this.#first = 0;
    }
    return job;
  }
}

export class HostDevices {
  readonly link: NetworkLink;
  backend: BackendVm | undefined;
  readonly #events: EventQueue;
  readonly #diskEvent: number;
  /** The host's disk, and that of the VMM's swap space if it has one of its own. */
  readonly #disks: readonly BusyDisk[];

  /** `swapDisk`: absent where the VMM's swap space is on the host's disk. Disk events have the number of the disk as subject. */
  constructor(profile: MachineProfile, events: EventQueue, diskEvent: number, swapDisk?: MachineProfile["disk"]) {
    const own = swapDisk === undefined ? [] : [new Disk({ ...profile, disk: swapDisk })];
    this.#disks = [new Disk(profile), ...own].map((disk) => new BusyDisk(disk));
    this.link = new NetworkLink(profile);
    this.#events = events;
    this.#diskEvent = diskEvent;
  }

  /** Cycles that the host's disk has been busy. */
  get diskBusy(): number {
    return this.#disks[HOST_DISK].disk.busy;
  }

  submit(job: IoJob, now: number): void {
    job.waiter?.begin();
    if (this.backend !== undefined && job.backend.total > 0) this.backend.enqueue(job);
    else this.afterBackend(job, now);
  }

  /** The back end has dealt with a job. */
  afterBackend(job: IoJob, now: number): void {
    if (job.pages === 0) {
      job.waiter?.done(now);
      return;
    }
    const disk = job.hostSwap && this.#disks.length > 1 ? SWAP_DISK : HOST_DISK;
    this.#events.add(this.#disks[disk].submit(job, now), this.#diskEvent, disk);
  }

  /** A disk has finished its oldest job. */
  diskDone(disk: number, now: number): void {
    this.#disks[disk].take().waiter?.done(now);
  }

  transmit(bytes: number, now: number): void {
    for (let left = bytes; left > 0; left -= PAYLOAD) this.link.transmit(now, Math.min(left, PAYLOAD));
  }

  receive(bytes: number, now: number): void {
    for (let left = bytes; left > 0; left -= PAYLOAD) this.link.receive(now, Math.min(left, PAYLOAD));
  }
}

/** The VM with the back ends (dom0): it serves one job after the other, when its vCPU is scheduled. */
export class BackendVm implements VcpuWork {
  readonly #devices: HostDevices;
  readonly #processors: Processors;
  readonly #vcpu: Vcpu;
  #queue: IoJob[] = [];
  #first = 0;
  #inService = false;

  constructor(devices: HostDevices, processors: Processors, settings: VcpuSettings) {
    this.#devices = devices;
    this.#processors = processors;
    this.#vcpu = processors.addVcpu(this, settings);
  }

  enqueue(job: IoJob): void {
    this.#queue.push(job);
    this.#processors.wake(this.#vcpu);
  }

  advance(now: number): boolean {
    if (this.#inService) {
      this.#inService = false;
      this.#devices.afterBackend(this.#queue[this.#first++], now);
    }
    if (this.#first === this.#queue.length) {
      this.#queue = [];
      this.#first = 0;
      return false;
    }
    const job = this.#queue[this.#first];
    this.#inService = true;
    this.#vcpu.pending.addVector(job.backend, job.units);
    return true;
  }
}

/** A read or write of the VMM's swap space: no guest, no back end. */
export function hostSwapJob(waiter: Waiter | undefined, page: number, pages: number): IoJob {
  return { waiter, backend: FREE, units: 0, page, pages, hostSwap: true };
}

/** Work for the back end that leads to nothing at the devices. */
export function backendJob(waiter: Waiter | undefined, backend: CostVector, units: number): IoJob {
  return { waiter, backend, units, page: 0, pages: 0, hostSwap: false };
}
