/**
 * Code that a kernel is said to compute, of which only the length is known: how it is made up of the paths that are counted, on
 * which depends what a VMM has to do about it.
 *
 * The only split that a source gives is that of a web server, which such code was introduced for: of its time Apache spends 35
 * to 50 % in system calls and 25 to 40 % in interrupts (Hu, Nanda and Yang 1999, abstract; AIX). The middles are taken, and
 * assumed is that the code of each is like that of its kind which was counted while Linux 2.4 ran: calls that look up a file and
 * open and close it, and the network layer with a packet each way. Of these the calls' is warm, as in a loop of lmbench; code
 * whose instructions take longer returns less often in a cycle.
 */
import type { MachineProfile } from "../machine/profile.ts";
import { type KernelPath, type KernelPaths, nativeCycles } from "./kernel-paths.ts";
import type { Cpu } from "./virtual-hardware.ts";

const SYSTEM_CALL_PERCENT = (35 + 50) / 2;
const INTERRUPT_PERCENT = (25 + 40) / 2;
const INTERRUPT_SHARE = INTERRUPT_PERCENT / (SYSTEM_CALL_PERCENT + INTERRUPT_PERCENT);

/** Paths that run one after the other, and what they take natively together. */
interface Run {
  readonly paths: readonly KernelPath[];
  readonly cycles: number;
}

function runOf(paths: readonly KernelPath[], profile: MachineProfile): Run {
  return { paths, cycles: paths.reduce((sum, path) => sum + nativeCycles(path, profile), 0) };
}

export class ComputedCode {
  readonly #calls: Run;
  readonly #packets: Run;
  /** Cycles asked for that no run has taken yet; below zero: that the last one took too many. */
  #owed = 0;
  /** Cycles by which packets are behind their share of those taken. */
  #packetsBehind = 0;

  constructor(paths: KernelPaths, profile: MachineProfile) {
    this.#calls = runOf([paths["syscall-stat"], paths["syscall-open-close"]], profile);
    this.#packets = runOf([paths["receive-packet"], paths["send-packet"]], profile);
  }

  /**
   * Take so many cycles natively, locks of an SMP kernel among them, in whole runs: what is over, at most half of one, goes to
   * the next time.
   */
  run(cpu: Cpu, cycles: number): void {
    this.#owed += cycles;
    for (let next = this.#next(); !(this.#owed < next.cycles / 2); next = this.#next()) {
      this.#take(cpu, next);
      // Paths of no known length on this machine, so that the simulation has no result, or of none: no number of runs would do.
      if (!(next.cycles > 0)) return;
    }
  }

  /** What is behind its share. */
  #next(): Run {
    return this.#packetsBehind > 0 ? this.#packets : this.#calls;
  }

  #take(cpu: Cpu, run: Run): void {
    for (const path of run.paths) cpu.runKernel(path, 1);
    this.#owed -= run.cycles;
    this.#packetsBehind += INTERRUPT_SHARE * run.cycles;
    if (run === this.#packets) this.#packetsBehind -= run.cycles;
  }
}
