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
}

/** Packets that `bytes` of payload take. */
export function packetsFor(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / PAYLOAD));
}

/** Whether the last of them is at most half full. */
export function endsInSmallPacket(bytes: number): boolean {
  return bytes - (packetsFor(bytes) - 1) * PAYLOAD <= PAYLOAD / 2;
}

export class HostDevices {
  readonly disk: Disk;
  readonly link: NetworkLink;
  backend: BackendVm | undefined;
  readonly #events: EventQueue;
  readonly #diskEvent: number;
  /** Jobs at the disk, in order of submission: it serves one after the other. */
  readonly #atDisk: IoJob[] = [];
  #firstAtDisk = 0;

  constructor(profile: MachineProfile, events: EventQueue, diskEvent: number) {
    this.disk = new Disk(profile);
    this.link = new NetworkLink(profile);
    this.#events = events;
    this.#diskEvent = diskEvent;
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
    this.#atDisk.push(job);
    this.#events.add(this.disk.request(now, job.page, job.pages), this.#diskEvent);
  }

  /** The disk has finished its oldest job. */
  diskDone(now: number): void {
    const job = this.#atDisk[this.#firstAtDisk++];
    if (this.#firstAtDisk === 1024) {
      this.#atDisk.splice(0, this.#firstAtDisk);
      this.#firstAtDisk = 0;
    }
    job.waiter?.done(now);
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
  readonly vcpu: Vcpu;
  readonly #processors: Processors;
  #queue: IoJob[] = [];
  #first = 0;
  #inService = false;

  constructor(devices: HostDevices, processors: Processors, settings: VcpuSettings) {
    this.#devices = devices;
    this.#processors = processors;
    this.vcpu = processors.addVcpu(this, settings);
  }

  enqueue(job: IoJob): void {
    this.#queue.push(job);
    this.#processors.wake(this.vcpu);
  }

  /** Work that is not I/O; it takes its turn like a job. */
  run(cost: CostVector, waiter: Waiter): void {
    waiter.begin();
    this.enqueue({ waiter, backend: cost, units: 1, page: 0, pages: 0 });
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
    this.vcpu.pending.addVector(job.backend, job.units);
    return true;
  }
}

/** A job that is disk traffic of the VMM itself: no guest, no back end. */
export function vmmDiskJob(waiter: Waiter | undefined, page: number, pages: number): IoJob {
  return { waiter, backend: FREE, units: 0, page, pages };
}
