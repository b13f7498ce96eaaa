/** The parts of a guest's machine, each with a recorder around it. */
import type { GuestMachine } from "../../guest/kernel-context.ts";
import type { KernelPath } from "../../guest/kernel-paths.ts";
import type { Cpu, Instruction, IoPath, KernelEntry, TrapHandler } from "../../guest/virtual-hardware.ts";
import type { Recorder } from "./recorder.ts";
import { RecordingMmu } from "./recording-mmu.ts";

/** The same machine; every call of the guest goes through the recorder. */
export function recordingMachine(machine: GuestMachine, recorder: Recorder): GuestMachine {
  return {
    ...machine,
    cpu: new RecordingCpu(machine.cpu, recorder),
    mmu: new RecordingMmu(machine.mmu, machine.pageTableFormat, recorder),
    diskPath: new RecordingIoPath("disk", machine.diskPath, recorder),
    networkPath: new RecordingIoPath("network", machine.networkPath, recorder),
  };
}

class RecordingCpu implements Cpu {
  readonly #cpu: Cpu;
  readonly #recorder: Recorder;

  constructor(cpu: Cpu, recorder: Recorder) {
    this.#cpu = cpu;
    this.#recorder = recorder;
  }

  /** While the guest boots, which is not recorded. */
  registerTraps(handlers: readonly TrapHandler[], direct: number): void {
    this.#cpu.registerTraps?.(handlers, direct);
  }

  enterKernel(entry: KernelEntry): void {
    this.#recorder.call(
      "enter-kernel",
      () => [`is entered: ${entry}`],
      () => this.#cpu.enterKernel(entry),
    );
  }

  readFaultAddress(): number {
    return this.#recorder.call(
      "fault-address",
      (page: number) => ["reads the faulting address", `page 0x${page.toString(16)}`],
      () => this.#cpu.readFaultAddress(),
    );
  }

  leaveKernel(entry: KernelEntry): void {
    this.#recorder.call(
      "leave-kernel",
      () => [`is left: ${entry}`],
      () => this.#cpu.leaveKernel(entry),
    );
  }

  switchTask(changesRoot: boolean): void {
    this.#recorder.call(
      "switch-task",
      () => ["goes on with another process"],
      () => this.#cpu.switchTask(changesRoot),
    );
  }

  runKernel(path: KernelPath, times: number): void {
    if (times === 0) return this.#cpu.runKernel(path, times);
    const turns = times === 1 ? "" : `, ${times} times`;
    this.#recorder.call(
      "kernel-code",
      () => [`runs its code: ${path.name}${turns}`],
      () => this.#cpu.runKernel(path, times),
    );
  }

  execute(instruction: Instruction): void {
    this.#recorder.call(
      "instruction",
      () => [`executes ${instruction}`],
      () => this.#cpu.execute(instruction),
    );
  }
}

class RecordingIoPath implements IoPath {
  readonly #device: "disk" | "network";
  readonly #path: IoPath;
  readonly #recorder: Recorder;

  constructor(device: "disk" | "network", path: IoPath, recorder: Recorder) {
    this.#device = device;
    this.#path = path;
    this.#recorder = recorder;
  }

  get segmentBytes(): number {
    return this.#path.segmentBytes;
  }

  get sendsTogether(): number {
    return this.#path.sendsTogether ?? 1;
  }

  get descriptors(): number {
    return this.#path.descriptors;
  }

  submit(bytes: number, write: boolean): void {
    const action = `submits a ${write ? "write" : "read"} to the ${this.#device}`;
    this.#recorder.call(
      "device",
      () => [action, `${bytes} bytes`],
      () => this.#path.submit(bytes, write),
    );
  }

  notify(): number {
    return this.#recorder.call(
      "device",
      () => [`notifies the ${this.#device}`],
      () => this.#path.notify(),
    );
  }

  interrupt(at: number, count: number, bytes: number, write: boolean): number {
    return this.#recorder.call(
      "device",
      () => [`is interrupted by the ${this.#device}`, `${count} done`],
      () => this.#path.interrupt(at, count, bytes, write),
    );
  }

  halt(): void {
    if (this.#path.halt === undefined) return;
    this.#recorder.call(
      "device",
      () => ["halts"],
      () => this.#path.halt?.(),
    );
  }

  tick(): void {
    if (this.#path.tick === undefined) return;
    this.#recorder.call(
      "device",
      () => ["acknowledges a tick of its clock"],
      () => this.#path.tick?.(),
    );
  }

  interruptsForSent(): boolean {
    return this.#recorder.call(
      "device",
      () => [`may be interrupted because packets are gone`],
      () => this.#path.interruptsForSent(),
    );
  }

  complete(bytes: number, write: boolean): void {
    const action = `takes a completion from the ${this.#device}`;
    this.#recorder.call(
      "device",
      () => [action, `${bytes} bytes`],
      () => this.#path.complete(bytes, write),
    );
  }
}
