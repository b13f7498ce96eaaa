/** What one basic operation of a guest costs on a VMM: measured by running the monitor on it, never written down twice. */
import { Ledger } from "../core/ledger.ts";
import type { GuestKernel } from "../guest/kernel.ts";
import type { Meter } from "../machine/meter.ts";
import { PAYLOAD } from "../machine/network-link.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { VmmEntry } from "../vmm/monitor-contract.ts";
import type { CompiledWorkload, GuestShape } from "../workload/compiled-workload.ts";
import { Op, SYSTEM_CALLS } from "../workload/operation-stream.ts";
import type { OperationStream } from "../workload/operation-stream.ts";
import {
  type Cost,
  costPerPage,
  costWithout,
  meanCost,
  type MeasuredOperation,
  measuredOperation,
} from "./measured-operation.ts";
import { bootGuest } from "./monitor.ts";
import type { MonitorMachine } from "./monitor-machine.ts";
import { measureProcesses, PROCESS_OPERATIONS } from "./process-measurement.ts";

export type { MeasuredOperation } from "./measured-operation.ts";

/** Every operation that {@link measureOperations} measures. */
export const BASIC_OPERATIONS: readonly string[] = [
  "touch",
  "page-fault",
  ...SYSTEM_CALLS.map((kind) => `syscall:${kind}`),
  ...PROCESS_OPERATIONS,
  "switch",
  "kernel-code",
  "signal-install",
  "signal-handle",
  "read-file",
  "read-file-page",
  "write-file",
  "write-file-page",
  "rewrite-file",
  "rewrite-file-page",
  "delete-file",
  "delete-file-page",
  "disk-read",
  "disk-write",
  "send-packet",
  "send-small-packet",
  "receive-packet",
  "receive-small-packet",
  "timer-interrupt",
  "vmm-call",
];

/** Touches of the workload that are measured; as many before them warm the TLB and the VMM's tables. */
const TOUCHES = 20_000;
const REPETITIONS = 8;
/** Page faults of the heap that are measured. */
const FAULTS = 32;
/** File pages, and packets, handled by one system call. */
const BURST = 4;
/** Thousands of cycles of kernel code that are measured as one call: the price is that of one thousand. */
const CODE = 1000;
/** A quarter of a packet: the mean of those that are at most half full. */
const SMALL_PAYLOAD = PAYLOAD / 4;

/**
 * Mean cost of each of {@link BASIC_OPERATIONS} in a guest of this workload's shape. A touch is the translation of its
 * address only: user code comes from the stream, and a page fault is an operation of its own. Operations that go page by
 * page have a fixed part and parts per page, see {@link PROCESS_OPERATIONS}. Time on devices is left out.
 */
export function measureOperations(
  vmm: Vmm,
  profile: MachineProfile,
  workload: CompiledWorkload,
): Record<string, MeasuredOperation> {
  const guest = withFiles(workload.guest);
  const { kernel, machine } = bootGuest(vmm, profile, { ...workload, guest });
  return new Measurement(kernel, machine, workload.stream, guest).run();
}

/** Reading and writing files is measured even if the workload does neither. */
function withFiles(guest: GuestShape): GuestShape {
  const filePages = Math.max(guest.filePages, 2 * BURST);
  return { ...guest, filePages, residentFilePages: Math.max(guest.residentFilePages, BURST) };
}

class Measurement {
  readonly #kernel: GuestKernel;
  readonly #vmmEntry: VmmEntry;
  readonly #meter: Meter;
  readonly #stream: OperationStream;
  readonly #shape: GuestShape;
  readonly #measured: Record<string, MeasuredOperation> = {};
  /** Heap pages that the first process has mapped after the touches. */
  #mapped = 0;

  constructor(kernel: GuestKernel, { meter, vmmEntry }: MonitorMachine, stream: OperationStream, shape: GuestShape) {
    this.#kernel = kernel;
    this.#vmmEntry = vmmEntry;
    this.#meter = meter;
    this.#stream = stream;
    this.#shape = shape;
  }

  run(): Record<string, MeasuredOperation> {
    this.#touches();
    this.#calls();
    this.#processes();
    this.#io();
    // A privileged instruction by which a driver of the guest's calls the VMM; what is called for is not part of it.
    this.#measure("vmm-call", REPETITIONS, () => this.#vmmEntry.enter("instruction"));
    // Last, since it stands for code that is not known: no other operation finds its pages in the TLB.
    this.#measure("kernel-code", CODE, (time) => time === 0 && this.#kernel.entries.runCode(CODE));
    return this.#measured;
  }

  #touches(): void {
    const { op, a, b, length } = this.#stream;
    const touches: number[] = [];
    for (let i = 0; i < length && touches.length < 2 * TOUCHES; i++) if (op[i] === Op.Touch) touches.push(i);
    const warmUp = touches.length >> 1;
    const faults = new Ledger();
    let translation = new Ledger();
    this.#kernel.onFault = (begins) => {
      this.#meter.ledger = begins ? faults : translation;
    };
    touches.forEach((at, i) => {
      if (i === warmUp) translation = new Ledger();
      this.#meter.ledger = translation;
      this.#kernel.touch(a[at], (b[at] & 1) === 1, 0);
    });
    this.#kernel.onFault = () => {};
    this.#record("touch", translation, touches.length - warmUp);
    const { residentAnonymousPages } = this.#shape;
    this.#mapped = residentAnonymousPages;
    this.#mapped += new Set(touches.map((at) => a[at]).filter((page) => page >= residentAnonymousPages)).size;
    // Pages of the heap that have gone back to the kernel come anew, one demand-zero fault each.
    const pages = Math.max(1, Math.min(FAULTS, this.#shape.anonymousPages));
    this.#kernel.unmap(0, pages);
    this.#measure("page-fault", pages, (page) => this.#kernel.touch(page, true, 0));
  }

  #calls(): void {
    const kernel = this.#kernel;
    SYSTEM_CALLS.forEach((name, kind) => {
      kernel.entries.systemCall(kind, 1);
      this.#measure(`syscall:${name}`, REPETITIONS, () => kernel.entries.systemCall(kind, 1));
    });
    kernel.entries.installSignalHandler();
    this.#measure("signal-install", REPETITIONS, () => kernel.entries.installSignalHandler());
    kernel.entries.handleSignal();
    this.#measure("signal-handle", REPETITIONS, () => kernel.entries.handleSignal());
    this.#measure("timer-interrupt", REPETITIONS, () => kernel.entries.timerInterrupt());
    const processes = Math.max(1, this.#shape.processes);
    for (let service = 0; service < processes; service++) kernel.switchTo(service);
    this.#measure("switch", 2 * processes, (time) => kernel.switchTo(time));
    kernel.switchTo(0);
  }

  #processes(): void {
    const { anonymousPages, residentFilePages } = this.#shape;
    const setting = { mapped: this.#mapped, unused: anonymousPages, cachedFilePages: residentFilePages };
    Object.assign(this.#measured, measureProcesses(this.#kernel, this.#meter, setting));
  }

  #io(): void {
    const { files, blocks, network } = this.#kernel;
    const read = (pages: number): void => files.read(0, pages);
    const write = (pages: number): void => files.write(0, pages);
    const remove = (pages: number): void => files.delete(0, pages);
    if (files.mapsCopies) {
      // The copying instructions, which may fault each time, have been translated anew by then.
      read(BURST);
      write(BURST);
    }
    this.#pageByPage("read-file", read, read);
    this.#pageByPage("write-file", remove, write);
    this.#pageByPage("rewrite-file", write, write);
    this.#pageByPage("delete-file", write, remove);
    this.#measure("disk-read", REPETITIONS, () => blocks.withoutDevice(1, false));
    this.#measure("disk-write", REPETITIONS, () => blocks.withoutDevice(1, true));
    this.#measure("send-packet", BURST, (packet) => packet === 0 && network.send(BURST * PAYLOAD));
    this.#measure("send-small-packet", REPETITIONS, () => network.send(SMALL_PAYLOAD));
    this.#measure("receive-packet", REPETITIONS, () => network.receive(PAYLOAD));
    this.#measure("receive-small-packet", REPETITIONS, () => network.receive(SMALL_PAYLOAD));
  }

  /** A call for one page of a file, and one for several: what the call takes, and each page. */
  #pageByPage(name: string, prepare: (pages: number) => void, operate: (pages: number) => void): void {
    const [small, large] = [1, BURST].map((pages): Cost => {
      prepare(pages);
      return meanCost(
        this.#ledgerOf(() => operate(pages)),
        1,
      );
    });
    const perPage = costPerPage(small, large, BURST - 1);
    this.#measured[name] = measuredOperation(costWithout(small, perPage, 1));
    this.#measured[`${name}-page`] = measuredOperation(perPage);
  }

  #measure(name: string, times: number, action: (time: number) => unknown): void {
    const ledger = this.#ledgerOf(() => {
      for (let time = 0; time < times; time++) action(time);
    });
    this.#record(name, ledger, times);
  }

  /** What an action costs, wherever it is charged. */
  #ledgerOf(action: () => void): Ledger {
    const ledger = new Ledger();
    this.#meter.ledger = ledger;
    this.#meter.elsewhere = new Ledger();
    action();
    ledger.add(this.#meter.elsewhere);
    return ledger;
  }

  #record(name: string, ledger: Ledger, times: number): void {
    this.#measured[name] = measuredOperation(meanCost(ledger, times));
  }
}
