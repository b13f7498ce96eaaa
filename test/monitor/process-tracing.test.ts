/** User-Mode Linux: how often its kernel changes the signal mask, and what that takes. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type KernelPathName, kernelPaths } from "../../src/guest/kernel-paths.ts";
import { Meter } from "../../src/machine/meter.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { buildMachine } from "../../src/sim/monitor-machine.ts";
import { hostCall, hostMaskCall } from "../../src/vmm/cpu/host-calls.ts";
import { uml } from "../../src/vmm/uml.ts";
import { XEON } from "./machines.ts";

const { operations } = JSON.parse(readFileSync("validation/linux-2.4.20-counts.json", "utf8")) as {
  operations: Readonly<Record<string, { instructions: number }>>;
};

function maskCallsOf(name: KernelPathName): number {
  const meter = new Meter();
  const { cpu } = buildMachine(uml, XEON, 16, meter);
  cpu.runKernel(kernelPaths(XEON)[name], 1);
  return meter.ledger.eventsByCause()["vmm.tracing.signal-mask"] ?? 0;
}

describe("the guest kernel's interrupt flag", () => {
  /** spin_lock_irqsave and -restore: get_signals, block_signals; set_signals, which unblocks and blocks. cli, sti: one call. */
  const SECTION = 4;
  const UNSAVED = 2;

  it.each<[KernelPathName, number]>([
    ["syscall-null", 0],
    ["syscall-stat", 2 * SECTION],
    ["send-packet", 7 * SECTION],
    // Two sections, three cli and three sti that stand by themselves.
    ["receive-packet", 2 * SECTION + 3 + 3],
    ["context-switch", 3 * SECTION + UNSAVED],
    ["signal-handle", 3 * SECTION + 3 + 4],
    // No sti at the beginning: that is arch/i386.
    ["file-fault", 0],
    ["page-fault", 2 * SECTION],
    ["protection-fault", 4 * SECTION + 3 + 4],
    // do_IRQ: cli; do_softirq: save, sti, cli, restore.
    ["interrupt", 1 + SECTION + UNSAVED],
  ])("%s changes the signal mask %i times", (name, calls) => {
    expect(maskCallsOf(name)).toBe(calls);
  });

  it("costs what the instructions of sigprocmask do, by those of a null call and of a sigaction", () => {
    const {
      null: empty,
      signal_install: sigaction,
      mask_ask: ask,
      mask_block: block,
      mask_change: change,
    } = operations;
    const [none, install] = [hostCall(XEON), hostCall(XEON, "signal-install")];
    const perInstruction = (install - none) / (sigaction.instructions - empty.instructions);
    // A section: the mask is asked for, signals are blocked, unblocked with the old mask wanted, and blocked.
    const mean = (ask.instructions + 2 * block.instructions + change.instructions) / 4 - empty.instructions;
    const flag = primitiveCost(XEON, "hardware.cli") + primitiveCost(XEON, "hardware.sti");
    expect(Math.abs(hostMaskCall(XEON) / (none + mean * perInstruction + flag) - 1)).toBeLessThan(0.05);
  });
});
