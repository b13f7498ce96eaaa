/** What the guest kernel is entered for that touches no page: system calls, signals, timer interrupts, single instructions. */
import { CALLS_OF_KIND, SYSTEM_CALLS } from "../workload/operation-stream.ts";
import { ComputedCode } from "./computed-code.ts";
import type { GuestMachine } from "./kernel-context.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { KernelPath, KernelPaths } from "./kernel-paths.ts";
import { kernelVersion } from "./kernel-builds.ts";
import type { KernelVersion } from "./kernel-version.ts";
import { deliverSignal, returnFromSignal } from "./signals.ts";
import { INSTRUCTIONS } from "./virtual-hardware.ts";
import type { KernelEntry } from "./virtual-hardware.ts";

export class KernelEntries {
  readonly #machine: GuestMachine;
  readonly #paths: KernelPaths;
  readonly #version: KernelVersion;
  readonly #systemCalls: readonly KernelPath[];
  readonly #computedCode: ComputedCode;

  constructor(machine: GuestMachine, paths: KernelPaths, profile: MachineProfile) {
    this.#machine = machine;
    this.#paths = paths;
    this.#version = kernelVersion(profile);
    this.#systemCalls = SYSTEM_CALLS.map((kind) => paths[`syscall-${kind}`]);
    this.#computedCode = new ComputedCode(paths, profile);
  }

  systemCall(kind: number, times: number): void {
    const { cpu } = this.#machine;
    const path = this.#systemCalls[kind];
    const entries = CALLS_OF_KIND[SYSTEM_CALLS[kind]];
    for (let time = 0; time < times; time++) {
      for (let entry = 0; entry < entries; entry++) {
        cpu.enterKernel("system-call");
        if (entry === 0) cpu.runKernel(path, 1);
        cpu.leaveKernel("system-call");
      }
    }
  }

  /** A system call that takes so many thousand cycles natively. */
  runCode(thousands: number): void {
    const { cpu } = this.#machine;
    cpu.enterKernel("system-call");
    this.#computedCode.run(cpu, 1000 * thousands);
    cpu.leaveKernel("system-call");
  }

  /** System calls whose own length is part of another path. */
  emptyCalls(times: number): void {
    for (let time = 0; time < times; time++) this.enterAndLeave("system-call");
  }

  execute(instruction: number, times: number): void {
    for (let time = 0; time < times; time++) this.#machine.cpu.execute(INSTRUCTIONS[instruction]);
  }

  /** To the first instruction of a handler, and straight back. */
  enterAndLeave(entry: KernelEntry): void {
    const { cpu } = this.#machine;
    cpu.enterKernel(entry);
    cpu.leaveKernel(entry);
  }

  installSignalHandler(): void {
    const { cpu } = this.#machine;
    cpu.enterKernel("system-call");
    cpu.runKernel(this.#paths["signal-install"], 1);
    cpu.leaveKernel("system-call");
  }

  /** kill, the handler, and sigreturn: two system calls. */
  handleSignal(): void {
    const { cpu } = this.#machine;
    cpu.enterKernel("system-call");
    deliverSignal(this.#machine, this.#version, this.#paths["signal-handle"]);
    cpu.leaveKernel("system-call");
    returnFromSignal(this.#machine);
  }

  timerInterrupt(): void {
    const { cpu, networkPath } = this.#machine;
    cpu.enterKernel("interrupt");
    networkPath.tick?.();
    cpu.runKernel(this.#paths.interrupt, 1);
    cpu.runKernel(this.#paths["timer-interrupt"], 1);
    cpu.leaveKernel("interrupt");
  }
}
