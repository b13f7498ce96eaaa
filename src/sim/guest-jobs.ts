/** Jobs of a guest: disk requests of its own and of the VMM on its behalf, and packets, on their way to the devices. */
import { DiskRequestKind, type DiskRequests } from "../guest/disk-requests.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import { guestAreaPage } from "./disk-areas.ts";
import type { GuestOperations } from "./guest-operations.ts";
import type { MemoryStall } from "./guest-statistics.ts";
import { framesJob, hostDiskJob, hostSwapJob, type IoJob, JobKind, type Waiter } from "./io-job.ts";
import type { OperationPrices } from "./operation-prices.ts";
import type { Vcpu } from "./vcpu.ts";

/** Where what is to become a job has been recorded. */
export interface JobSources {
  readonly requests: DiskRequests;
  readonly host: HostMemory;
  readonly operations: GuestOperations;
}

export class GuestJobs {
  readonly #guest: number;
  readonly #sources: JobSources;
  readonly #prices: OperationPrices;
  readonly #stall: MemoryStall;

  /** `guest`: its place on the host; `stall`: told of the time for which threads wait for memory. */
  constructor(guest: number, sources: JobSources, prices: OperationPrices, stall: MemoryStall) {
    this.#guest = guest;
    this.#sources = sources;
    this.#prices = prices;
    this.#stall = stall;
  }

  /**
   * Make jobs of all that has been recorded since the last time; `vcpu` pays the guest's part. `running`: the thread that ran
   * last, which stalls while its memory is read from the guest's swap device.
   */
  collect(
    vcpu: Vcpu,
    guestWaiter: Waiter | undefined,
    hostWaiter: Waiter | undefined,
    running: Waiter | undefined,
    jobs: IoJob[],
  ): void {
    const { requests, operations } = this.#sources;
    for (let i = 0; i < requests.length; i++) {
      this.#readVmmText(guestWaiter, jobs);
      jobs.push(this.#diskJob(i, vcpu, guestWaiter, running));
    }
    requests.clear();
    this.#moveSwapping(hostWaiter, jobs);
    const packets = operations.packets.take();
    if (packets === undefined) return;
    // Written out: it is made for every message.
    const { kind, backend, units, bytes, endsRequest, arrives } = packets;
    jobs.push({
      kind,
      guest: this.#guest,
      waiter: guestWaiter,
      backend,
      units,
      page: 0,
      pages: 0,
      bytes,
      endsRequest,
      arrives,
      hostSwap: false,
    });
  }

  /** Where frames are freed in the background, nobody waits for a write as such, but for a frame that he has been promised. */
  #moveSwapping(hostWaiter: Waiter | undefined, jobs: IoJob[]): void {
    const { requests, backgroundReclaim } = this.#sources.host;
    const writesBehind = backgroundReclaim?.isOn === true;
    for (let i = 0; i < requests.length; i++) {
      const writes = requests.writes(i);
      const waiter = writes && writesBehind ? undefined : hostWaiter && this.#stall.watch(hostWaiter);
      jobs.push(hostSwapJob(waiter, requests.first(i), requests.pages(i), writes));
    }
    requests.clear();
    const debt = backgroundReclaim?.takeDebt() ?? 0;
    if (debt > 0 && hostWaiter !== undefined) jobs.push(framesJob(this.#stall.watch(hostWaiter), debt));
  }

  /** Before the VM's process can serve a request it may have to read its own program, and the guest waits for that, too. */
  #readVmmText(waiter: Waiter | undefined, jobs: IoJob[]): void {
    const { vmmText, vms } = this.#sources.host;
    if (vmmText === undefined) return;
    vmmText.serve(vms[this.#guest]);
    const { requests } = vmmText.text;
    for (let i = 0; i < requests.length; i++) {
      jobs.push(hostDiskJob(waiter, requests.first(i), requests.pages(i), false));
    }
    requests.clear();
  }

  #diskJob(i: number, vcpu: Vcpu, waiter: Waiter | undefined, running: Waiter | undefined): IoJob {
    const { requests } = this.#sources;
    const kind = requests.kind(i);
    const write = requests.writes(i);
    const swap = kind === DiskRequestKind.SwapRead || kind === DiskRequestKind.SwapWrite;
    this.#payDisk(vcpu, write);
    const backend = write ? this.#prices.diskWriteBackend : this.#prices.diskReadBackend;
    const stalls = swap && waiter !== undefined && waiter === running;
    return {
      kind: JobKind.Disk,
      guest: this.#guest,
      waiter: stalls ? this.#stall.watch(waiter) : waiter,
      backend,
      units: 1,
      page: guestAreaPage(this.#guest, swap) + requests.first(i),
      pages: requests.pages(i),
      write,
      bytes: 0,
      hostSwap: false,
    };
  }

  #payDisk(vcpu: Vcpu, write: boolean): void {
    const { interrupts } = this.#sources.operations;
    const prices = interrupts.pricesFor(vcpu, this.#prices);
    vcpu.pending.addVector(write ? prices.diskWrite : prices.diskRead);
    if (prices !== this.#prices) interrupts.handle(write ? prices.diskWriteBackend : prices.diskReadBackend, 1);
  }
}
