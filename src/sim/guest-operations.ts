/** Carrying out the operations of a request: their effects on memory, and the cycles that they cost. */
import { cause } from "../core/ledger.ts";
import type { PendingCharges } from "../core/pending-charges.ts";
import type { GuestMemory } from "../guest/memory-manager.ts";
import { privatePages, PROGRAM_PRIVATE_PAGES, PROGRAM_TEXT_PAGES } from "../guest/program-image.ts";
import { type ContentIds, ZERO_CONTENT } from "../machine/content-ids.ts";
import type { HostMemory } from "../vmm/host-memory/host-memory.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { Op, type OperationStream } from "../workload/operation-stream.ts";
import { DeviceInterrupts } from "./device-interrupts.ts";
import { FileOperations } from "./file-operations.ts";
import { GuestPackets } from "./guest-packets.ts";
import type { GuestThread } from "./guest-thread.ts";
import type { HostDevices } from "./host-devices.ts";
import { LookAhead } from "./look-ahead.ts";
import type { OomKiller } from "./oom-killer.ts";
import type { OperationPrices } from "./operation-prices.ts";
import type { Processors } from "./processors.ts";
import { Fault, type FaultKind, type ProcessPages } from "./process-pages.ts";
import type { Vcpu } from "./vcpu.ts";

const PROGRAM_PAGES = PROGRAM_TEXT_PAGES + PROGRAM_PRIVATE_PAGES;
const NONE = -1;
const GUEST_USER = cause("guest.user");
/**
 * Most cycles of operations carried out in one step. Their effects on memory take place at the beginning of the step, so
 * this is how far they may be ahead of the clock: 0.1 ms at 2.4 GHz. A single operation is never split.
 */
const STEP_CYCLES = 240_000;

export interface OperationSurroundings {
  readonly host: HostMemory;
  readonly devices: HostDevices;
  readonly ids: ContentIds;
  readonly processors: Processors;
  now(): number;
}

export class GuestOperations {
  readonly interrupts: DeviceInterrupts;
  readonly packets: GuestPackets;
  /** Page faults that brought no page of anonymous memory in: copy-on-write without a copy, and pages of files. */
  otherFaults = 0;
  readonly #stream: OperationStream;
  readonly #ahead: LookAhead;
  readonly #memory: GuestMemory;
  readonly #pages: ProcessPages;
  readonly #prices: OperationPrices;
  readonly #around: OperationSurroundings;
  readonly #files: FileOperations;
  /** Set when the guest is put together. */
  killer: OomKiller | undefined;
  /** Times that memory could not be had, which have been dealt with. */
  #outOfMemory = 0;
  /** Who carries operations out, and where the cycles go. */
  #vcpu: Vcpu;
  #pending: PendingCharges;

  constructor(
    workload: CompiledWorkload,
    memory: GuestMemory,
    pages: ProcessPages,
    prices: OperationPrices,
    vcpu: Vcpu,
    around: OperationSurroundings,
  ) {
    this.#stream = workload.stream;
    this.#ahead = new LookAhead(workload.stream, memory, pages);
    this.#memory = memory;
    this.#pages = pages;
    this.#prices = prices;
    this.#vcpu = vcpu;
    this.#pending = vcpu.pending;
    this.#around = around;
    this.interrupts = new DeviceInterrupts(around.processors, () => around.now());
    this.packets = new GuestPackets(prices, around.devices.link, this.interrupts);
    this.#files = new FileOperations(memory.cache, prices, around.ids);
  }

  /** Carry out operations of the thread's request until one has to wait for a device, or it is time to look up. */
  run(thread: GuestThread, vcpu: Vcpu, now: number): void {
    this.#vcpu = vcpu;
    this.#pending = vcpu.pending;
    const guestRequests = this.#memory.requests;
    const hostRequests = this.#around.host.requests;
    this.#memory.pages.group = thread.process;
    let ahead = thread.next;
    while (!thread.over && this.#pending.total < STEP_CYCLES) {
      if (thread.next === ahead) ahead = this.#ahead.at(thread);
      this.#carryOut(thread, thread.next++, now);
      if (this.#memory.pages.outOfMemory > this.#outOfMemory) this.#killSomebody(thread);
      if (guestRequests.length > 0 || hostRequests.length > 0 || this.packets.waiting) return;
    }
  }

  /** The access that found no memory is made again, unless it was the victim's. */
  #killSomebody(thread: GuestThread): void {
    const at = thread.next - 1;
    const killed = this.killer?.kill() === true;
    this.#outOfMemory = this.#memory.pages.outOfMemory;
    if (killed && !thread.over && this.#stream.op[at] === Op.Touch) thread.next = at;
  }

  #carryOut(thread: GuestThread, at: number, now: number): void {
    const { op, a, b, c } = this.#stream;
    switch (op[at]) {
      case Op.Compute:
        this.#pending.add(GUEST_USER, a[at]);
        break;
      case Op.Touch:
        this.#touch(thread, at, now);
        break;
      case Op.Syscall:
        this.#pending.addVector(this.#prices.syscall[a[at]], b[at]);
        break;
      case Op.KernelCode:
        this.#pending.addVector(this.#prices.kernelCode, a[at]);
        break;
      case Op.Signal:
        this.#pending.addVector(this.#prices.signal[a[at]]);
        break;
      case Op.ReadFile:
        this.#files.read(this.#pending, thread.index, a[at], b[at], c[at]);
        break;
      case Op.WriteFile:
        this.#files.write(this.#pending, a[at], b[at], c[at], now);
        break;
      case Op.Send:
        this.packets.send(this.#vcpu, a[at], thread.over);
        break;
      case Op.Receive:
        this.packets.receive(this.#vcpu, a[at], now);
        break;
      default:
        this.#pending.addVector(this.#prices.byOp[op[at]]);
        this.#byPage(thread, at);
    }
  }

  #touch(thread: GuestThread, at: number, now: number): void {
    const { a, b, c } = this.#stream;
    const page = a[at];
    this.#pending.addVector(this.#prices.touch);
    this.#pending.add(GUEST_USER, b[at] >>> 1);
    const write = (b[at] & 1) === 1;
    const { anonymous, settled } = this.#memory;
    const isSettled = thread.depth === 0 && settled.has(this.#pages.logicalPage(thread, page));
    if (isSettled && !write) return;
    // A page of anonymous memory that is settled is no file's.
    const filePage = isSettled ? NONE : this.#pages.filePage(thread, page);
    if (filePage >= 0) {
      const first = this.#pages.mapFilePage(thread, page);
      this.#touchFile(filePage, this.#pages.fileEnd(thread, page), first, write ? this.#contentId(c[at]) : 0, now);
      return;
    }
    const { swapFaults, demandZeroFaults } = anonymous;
    const fault = this.#pages.access(thread, page, write);
    if (write) anonymous.write(this.#pages.logical, this.#contentId(c[at]));
    else anonymous.touch(this.#pages.logical);
    const comes = anonymous.demandZeroFaults > demandZeroFaults;
    // A page that comes back from swap is the process's own.
    if (anonymous.swapFaults > swapFaults) this.#pending.addVector(this.#prices.pageFault);
    else if (fault !== Fault.None) this.#writeProtected(fault, comes);
    else if (comes) this.#pending.addVector(this.#prices.pageFault);
  }

  #writeProtected(fault: FaultKind, comes: boolean): void {
    const { copyOnWriteFault, reuseFault } = this.#prices;
    this.#pending.addVector(fault === Fault.Reuse ? reuseFault : copyOnWriteFault);
    if (!comes) this.otherFaults++;
  }

  /** Visit a page of a file through a mapping; content 0: nothing is written. */
  #touchFile(page: number, end: number, first: boolean, content: number, now: number): void {
    const { cache } = this.#memory;
    const { misses } = cache;
    cache.visit(page, 0, end, false);
    // The page cache takes back from processes what it drops.
    if (first || cache.misses > misses) {
      this.#pending.addVector(this.#prices.fileFault);
      this.otherFaults++;
    }
    if (content !== 0) cache.write(page, content, false, now);
  }

  #contentId(content: number): number {
    if (content === 0) return this.#around.ids.unique();
    return content === 1 ? ZERO_CONTENT : this.#around.ids.common(content);
  }

  #byPage(thread: GuestThread, at: number): void {
    const { op, a, b, c } = this.#stream;
    const pending = this.#pending;
    const prices = this.#prices;
    const pages = this.#pages;
    switch (op[at]) {
      case Op.Fork:
        pending.addVector(prices.forkPage, pages.mapped(thread));
        pending.addVector(prices.forkProtectPage, pages.writable(thread));
        pages.fork(thread);
        break;
      case Op.Exec:
        this.#exec(thread, a[at]);
        break;
      case Op.Exit:
        this.#payExit(thread);
        this.#discardTransient(thread);
        pages.exit(thread);
        break;
      case Op.Mmap:
      case Op.Munmap:
        this.#unmap(thread, a[at], b[at]);
        if (op[at] === Op.Mmap && c[at] === 1) pages.mapFile(thread, a[at], b[at]);
        break;
      case Op.Mprotect:
        pending.addVector(prices.mprotectPage, pages.mappedIn(thread, a[at], b[at]));
        break;
      case Op.DeleteFile:
        this.#files.delete(pending, a[at], b[at]);
        break;
      case Op.OpenFile:
        this.#memory.cache.calls.open(thread.index, b[at], a[at], c[at]);
        break;
      case Op.UseBlock:
        this.#memory.cache.useBlock(a[at]);
        break;
      case Op.Switch:
        thread.process = a[at];
        this.#memory.pages.group = a[at];
    }
  }

  #exec(thread: GuestThread, image: number): void {
    const used = this.#pages.used(thread);
    this.#pending.addVector(this.#prices.execUnmapUsedPage, used);
    this.#pending.addVector(this.#prices.execUnmapPage, this.#pages.mapped(thread) - used);
    this.#pending.addVector(this.#prices.execPage, image);
    this.#discardTransient(thread);
    this.#pages.exec(thread, image);
    const count = privatePages(image);
    const end = thread.transientBase + thread.transientPages;
    for (let page = end - count; page < end; page++) this.#memory.anonymous.write(page, this.#around.ids.unique());
    this.otherFaults += image - count;
  }

  #payExit(thread: GuestThread): void {
    const used = this.#pages.used(thread);
    // A child that has executed nothing still has its parent's program.
    this.#pending.addVector(this.#prices.exitPage, used + (thread.image === 0 ? PROGRAM_PAGES : 0));
    this.#pending.addVector(this.#prices.execUnmapPage, this.#pages.mapped(thread) - used);
  }

  #unmap(thread: GuestThread, start: number, pages: number): void {
    const mapped = this.#pages.mappedIn(thread, start, pages);
    this.#pending.addVector(this.#prices.munmapPage, mapped);
    for (let page = start; page < start + pages; page++) {
      const filePage = this.#pages.filePage(thread, page);
      if (filePage >= 0) this.#memory.cache.unmap(filePage, filePage + 1);
    }
    this.#pages.unmap(thread, start, pages);
    this.#memory.anonymous.discardRange(this.#pages.logicalPage(thread, start), pages);
  }

  #discardTransient(thread: GuestThread): void {
    for (const { start, end } of thread.files) this.#memory.cache.unmap(0, end - start);
    this.#memory.anonymous.discardRange(thread.transientBase, thread.transientPages);
  }
}
