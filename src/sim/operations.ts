/** What one basic operation of a guest costs on a VMM: measured by running the monitor on it, never written down twice. */
import { Ledger } from "../core/ledger.ts";
import { GUEST_USER } from "../guest/kernel-paths.ts";
import type { GuestKernel } from "../guest/kernel.ts";
import type { Meter } from "../machine/meter.ts";
import { HEADER_BYTES, MTU } from "../machine/network-link.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { CompiledWorkload, GuestShape } from "../workload/compiled-workload.ts";
import { Op, SYSTEM_CALLS } from "../workload/operation-stream.ts";
import type { OperationStream } from "../workload/operation-stream.ts";
import { bootGuest } from "./monitor.ts";

/** Whole cycles of processor time by cause. Causes of `backend` are the driver domain's, those of `frontend` the guest's. */
export interface MeasuredOperation {
  readonly frontend: Readonly<Record<string, number>>;
  readonly backend: Readonly<Record<string, number>>;
}

/** Every operation that {@link measureOperations} measures. */
export const BASIC_OPERATIONS: readonly string[] = [
  "touch",
  "page-fault",
  ...SYSTEM_CALLS.map((kind) => `syscall:${kind}`),
  "fork",
  "exec",
  "exit",
  "mmap",
  "munmap",
  "mprotect",
  "switch",
  "signal-install",
  "signal-handle",
  "read-file-page",
  "write-file-page",
  "disk-read",
  "disk-write",
  "send-packet",
  "receive-packet",
  "timer-interrupt",
];

/** Touches of the workload that are measured; as many before them warm the TLB and the VMM's tables. */
const TOUCHES = 20_000;
const REPETITIONS = 8;
/** Pages of a mapping, or of a program, when the workload has no such operation itself. */
const DEFAULT_PAGES = 32;
/** File pages, and packets, handled by one system call. */
const BURST = 4;
const PAYLOAD = MTU - HEADER_BYTES;

/**
 * Mean cost of each of {@link BASIC_OPERATIONS} in a guest of this workload's shape. A touch is the translation of its
 * address only: user code comes from the stream, and a page fault is an operation of its own. Time on devices is left out.
 */
export function measureOperations(
  vmm: Vmm,
  profile: MachineProfile,
  workload: CompiledWorkload,
): Record<string, MeasuredOperation> {
  const { kernel, machine } = bootGuest(vmm, profile, { ...workload, guest: withFiles(workload.guest) });
  return new Measurement(kernel, machine.meter, workload).run();
}

/** Reading and writing files is measured even if the workload does neither. */
function withFiles(guest: GuestShape): GuestShape {
  const filePages = Math.max(guest.filePages, 2 * BURST);
  return { ...guest, filePages, residentFilePages: Math.max(guest.residentFilePages, BURST) };
}

class Measurement {
  readonly #kernel: GuestKernel;
  readonly #meter: Meter;
  readonly #stream: OperationStream;
  readonly #shape: GuestShape;
  readonly #measured: Record<string, MeasuredOperation> = {};

  constructor(kernel: GuestKernel, meter: Meter, workload: CompiledWorkload) {
    this.#kernel = kernel;
    this.#meter = meter;
    this.#stream = workload.stream;
    this.#shape = workload.guest;
  }

  run(): Record<string, MeasuredOperation> {
    this.#touches();
    this.#calls();
    this.#processes();
    this.#mappings();
    this.#io();
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
    // Pages of the heap that have gone back to the kernel come anew, one demand-zero fault each.
    const pages = Math.max(1, Math.min(DEFAULT_PAGES, this.#shape.anonymousPages));
    this.#kernel.unmap(0, pages);
    this.#measure("page-fault", pages, (page) => this.#kernel.touch(page, true, 0));
  }

  #calls(): void {
    const kernel = this.#kernel;
    SYSTEM_CALLS.forEach((name, kind) => {
      this.#measure(`syscall:${name}`, REPETITIONS, () => kernel.systemCall(kind, 1));
    });
    this.#measure("signal-install", REPETITIONS, () => kernel.installSignalHandler());
    this.#measure("signal-handle", REPETITIONS, () => kernel.handleSignal());
    this.#measure("timer-interrupt", REPETITIONS, () => kernel.timerInterrupt());
    const processes = Math.max(1, this.#shape.processes);
    for (let service = 0; service < processes; service++) kernel.switchTo(service);
    this.#measure("switch", 2 * processes, (time) => kernel.switchTo(time));
    kernel.switchTo(0);
  }

  #processes(): void {
    const kernel = this.#kernel;
    const image = this.#firstOperand(Op.Exec, this.#stream.a);
    const ledgers = { fork: new Ledger(), exec: new Ledger(), exit: new Ledger() };
    for (let time = 0; time < 2; time++) {
      // The first round only warms up.
      const round = time === 0 ? { fork: new Ledger(), exec: new Ledger(), exit: new Ledger() } : ledgers;
      this.#meter.ledger = round.fork;
      kernel.fork();
      this.#meter.ledger = round.exec;
      kernel.exec(image);
      this.#meter.ledger = round.exit;
      kernel.exit();
    }
    this.#record("fork", ledgers.fork, 1);
    this.#record("exec", ledgers.exec, 1);
    this.#record("exit", ledgers.exit, 1);
  }

  #mappings(): void {
    const kernel = this.#kernel;
    const pages = Math.min(DEFAULT_PAGES, this.#firstOperand(Op.Mmap, this.#stream.b));
    const start = this.#shape.anonymousPages;
    this.#measure("mmap", 1, () => kernel.map(start, pages, false));
    for (let page = 0; page < pages; page++) kernel.touch(start + page, true, 0);
    kernel.protect(start, pages, false);
    this.#measure("mprotect", 2, (time) => kernel.protect(start, pages, time === 0));
    this.#measure("munmap", 1, () => kernel.unmap(start, pages));
  }

  #io(): void {
    const { files, blocks, network } = this.#kernel;
    this.#measure("read-file-page", BURST, (page) => page === 0 && files.read(0, BURST));
    this.#measure("write-file-page", BURST, (page) => page === 0 && files.write(0, BURST, false));
    this.#measure("disk-read", REPETITIONS, () => blocks.withoutDevice(1, false));
    this.#measure("disk-write", REPETITIONS, () => blocks.withoutDevice(1, true));
    this.#measure("send-packet", BURST, (packet) => packet === 0 && network.send(BURST * PAYLOAD));
    this.#measure("receive-packet", REPETITIONS, () => network.receive(PAYLOAD));
  }

  #measure(name: string, times: number, action: (time: number) => unknown): void {
    const ledger = new Ledger();
    this.#meter.ledger = ledger;
    for (let time = 0; time < times; time++) action(time);
    this.#record(name, ledger, times);
  }

  #record(name: string, ledger: Ledger, times: number): void {
    ledger.cycles[GUEST_USER] = 0;
    const entries = Object.entries(ledger.cyclesByCause())
      .filter(([cause]) => cause !== "idle" && !cause.startsWith("wait."))
      .map(([cause, cycles]): [string, number] => [cause, times === 0 ? 0 : Math.round(cycles / times)])
      .filter(([, cycles]) => cycles > 0);
    this.#measured[name] = {
      frontend: Object.fromEntries(entries.filter((entry) => !isBackend(entry))),
      backend: Object.fromEntries(entries.filter(isBackend)),
    };
  }

  #firstOperand(op: number, operand: Uint32Array): number {
    const at = this.#stream.op.indexOf(op);
    return at === -1 ? DEFAULT_PAGES : operand[at];
  }
}

function isBackend([cause]: [string, number]): boolean {
  return cause.startsWith("io.backend");
}
