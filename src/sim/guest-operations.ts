/** Carrying out the operations of a request: their effects on memory, and the cycles that they cost. */
import { cause } from "../core/ledger.ts";
import { type CostVector, FREE, type PendingCharges } from "../core/pending-charges.ts";
import type { GuestMemory } from "../guest/memory-manager.ts";
import { type ContentIds, ZERO_CONTENT } from "../machine/content-ids.ts";
import type { HostMemory } from "../vmm/host-memory.ts";
import type { CompiledWorkload, GuestShape } from "../workload/compiled-workload.ts";
import { Op, type OperationStream } from "../workload/operation-stream.ts";
import type { GuestThread } from "./guest-thread.ts";
import { type HostDevices, packetsFor } from "./host-devices.ts";
import type { OperationPrices } from "./operation-prices.ts";

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
}

export class GuestOperations {
  /** Price of one unit of the back-end work that {@link takeBackendUnits} counts. */
  backend: CostVector = FREE;
  readonly #stream: OperationStream;
  readonly #shape: GuestShape;
  readonly #memory: GuestMemory;
  readonly #prices: OperationPrices;
  readonly #pending: PendingCharges;
  readonly #around: OperationSurroundings;
  #backendUnits = 0;

  constructor(
    workload: CompiledWorkload,
    memory: GuestMemory,
    prices: OperationPrices,
    pending: PendingCharges,
    around: OperationSurroundings,
  ) {
    this.#stream = workload.stream;
    this.#shape = workload.guest;
    this.#memory = memory;
    this.#prices = prices;
    this.#pending = pending;
    this.#around = around;
  }

  /** Carry out operations of the thread's request until one has to wait for a device, or it is time to look up. */
  run(thread: GuestThread, now: number): void {
    const pending = this.#pending;
    const guestRequests = this.#memory.requests;
    const hostRequests = this.#around.host.requests;
    while (!thread.over && pending.total < STEP_CYCLES) {
      this.#carryOut(thread, thread.next++, now);
      if (guestRequests.length > 0 || hostRequests.length > 0 || this.#backendUnits > 0) return;
    }
  }

  /** Units of back-end work since the last call. */
  takeBackendUnits(): number {
    const units = this.#backendUnits;
    this.#backendUnits = 0;
    return units;
  }

  #carryOut(thread: GuestThread, at: number, now: number): void {
    const { op, a, b, c } = this.#stream;
    switch (op[at]) {
      case Op.Compute:
        this.#pending.add(GUEST_USER, a[at]);
        break;
      case Op.Touch:
        this.#touch(thread, a[at], b[at], c[at]);
        break;
      case Op.Syscall:
        this.#pending.addVector(this.#prices.syscall[a[at]], b[at]);
        break;
      case Op.Signal:
        this.#pending.addVector(this.#prices.signal[a[at]]);
        break;
      case Op.ReadFile:
        this.#readFile(a[at], b[at]);
        break;
      case Op.WriteFile:
        this.#writeFile(a[at], b[at], c[at] === 1, now);
        break;
      case Op.Send:
        this.#packets(a[at], this.#prices.sendPacket, this.#prices.sendPacketBackend);
        this.#around.devices.transmit(a[at], now);
        break;
      case Op.Receive:
        this.#packets(a[at], this.#prices.receivePacket, this.#prices.receivePacketBackend);
        this.#around.devices.receive(a[at], now);
        break;
      default:
        this.#pending.addVector(this.#prices.byOp[op[at]]);
        this.#changeProcesses(thread, op[at], a[at], b[at]);
    }
  }

  #touch(thread: GuestThread, page: number, cyclesAndWrite: number, content: number): void {
    const { anonymous } = this.#memory;
    const faults = anonymous.demandZeroFaults + anonymous.swapIns;
    this.#pending.addVector(this.#prices.touch);
    this.#pending.add(GUEST_USER, cyclesAndWrite >>> 1);
    const write = (cyclesAndWrite & 1) === 1;
    const logical = this.#logicalPage(thread, page, write);
    if (write) anonymous.write(logical, this.#contentId(content));
    else anonymous.read(logical);
    const faulted = anonymous.demandZeroFaults + anonymous.swapIns - faults;
    if (faulted > 0) this.#pending.addVector(this.#prices.pageFault, faulted);
  }

  /** A forked child reads its parent's pages and writes copies; an executed image has pages of its own. */
  #logicalPage(thread: GuestThread, page: number, write: boolean): number {
    if (thread.depth > 0 && (thread.image > 0 || write)) {
      return thread.transientBase + (page % (thread.image > 0 ? thread.image : thread.transientPages));
    }
    return thread.process * this.#shape.anonymousPages + page;
  }

  #contentId(content: number): number {
    if (content === 0) return this.#around.ids.unique();
    return content === 1 ? ZERO_CONTENT : this.#around.ids.common(content);
  }

  #readFile(first: number, pages: number): void {
    this.#pending.addVector(this.#prices.readFilePage, pages);
    for (let page = first; page < first + pages; page++) this.#memory.cache.read(page);
  }

  #writeFile(first: number, pages: number, sync: boolean, now: number): void {
    this.#pending.addVector(this.#prices.writeFilePage, pages);
    for (let page = first; page < first + pages; page++) {
      this.#memory.cache.write(page, this.#around.ids.unique(), sync, now);
    }
  }

  #packets(bytes: number, frontend: CostVector, backend: CostVector): void {
    const packets = packetsFor(bytes);
    this.#pending.addVector(frontend, packets);
    if (backend.total === 0) return;
    this.backend = backend;
    this.#backendUnits = packets;
  }

  #changeProcesses(thread: GuestThread, op: number, a: number, b: number): void {
    if (op === Op.Fork) {
      thread.depth++;
    } else if (op === Op.Exec) {
      this.#discardTransient(thread);
      thread.image = a;
      const { anonymous } = this.#memory;
      for (let page = 0; page < a; page++) anonymous.write(thread.transientBase + page, this.#around.ids.unique());
    } else if (op === Op.Exit) {
      this.#discardTransient(thread);
      thread.depth--;
      thread.image = 0;
    } else if (op === Op.Munmap) {
      const first = thread.process * this.#shape.anonymousPages + a;
      if (thread.depth === 0) for (let page = first; page < first + b; page++) this.#memory.anonymous.discard(page);
    } else if (op === Op.Switch) {
      thread.process = a;
    }
  }

  #discardTransient(thread: GuestThread): void {
    for (let page = 0; page < thread.transientPages; page++) {
      this.#memory.anonymous.discard(thread.transientBase + page);
    }
  }
}
