import { describe, expect, it } from "vitest";
import { Ledger } from "../../src/core/ledger.ts";
import { bootGuest } from "../../src/sim/monitor.ts";
import { measureMicrobenchmark, type Microbenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { native } from "../../src/vmm/native.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { SMALL_GUEST, VMMS, XEON } from "./machines.ts";

function boot(guest = SMALL_GUEST) {
  const stream = new OperationStreamBuilder().finish();
  return bootGuest(native, XEON, { name: "test", guest, stream, durationUs: 0, warmupUs: 0 });
}

describe("a microbenchmark", () => {
  it("measures its rounds alone: not what prepares them, warms up, or goes before each", () => {
    const turns: number[] = [];
    const benchmark: Microbenchmark = {
      name: "computes",
      summary: "",
      guest: SMALL_GUEST,
      warmUpRounds: 2,
      rounds: 5,
      operationsPerRound: 2,
      prepare: (builder) => builder.add(Op.Compute, 1_000_000),
      setUp: (builder) => builder.add(Op.Compute, 70_000),
      round: (builder, turn) => {
        turns.push(turn);
        builder.add(Op.Compute, 100 + turn);
      },
    };
    const { cost, events } = measureMicrobenchmark(benchmark, native, XEON);
    expect(turns).toEqual([0, 1, 2, 3, 4, 5, 6]);
    // Rounds 2 to 6 take 102 to 106 cycles, two operations each.
    expect(cost).toBe(52);
    expect(events).toEqual({ "guest.user": 0.5 });
  });
});

describe("reading memory byte by byte", () => {
  it("fills the lines of each page once while they fit", () => {
    const { kernel, machine } = boot();
    const fills = (): number => {
      machine.meter.ledger = new Ledger();
      kernel.scan(0, 8);
      return machine.meter.ledger.eventsByCause()["hardware.cache-line-fill"] ?? 0;
    };
    expect(fills()).toBe(8 * 64);
    expect(fills()).toBe(0);
  });
});

describe("the deletion of a file", () => {
  const PAGES = 10;

  it("gives the frames of its pages back and forgets that they were to be written", () => {
    const { kernel } = boot({ ...SMALL_GUEST, residentFilePages: 0 });
    const free = kernel.frames.free.length;
    kernel.files.write(20, PAGES);
    expect(kernel.frames.free.length).toBe(free - PAGES);
    kernel.files.delete(20, PAGES);
    expect(kernel.frames.free.length).toBe(free);
    expect(kernel.files.cache.nextDirty(0)).toBe(-1);
    expect(kernel.files.cache.frameOf(20)).toBe(-1);
  });

  it("leaves a page that a process has mapped to that process", () => {
    const { kernel } = boot({ ...SMALL_GUEST, residentFilePages: 0 });
    kernel.map(0, 1, true);
    kernel.touch(0, true, 0);
    const frame = kernel.files.cache.frameOf(0);
    kernel.files.delete(0, 1);
    expect(kernel.frames.references(frame)).toBe(1);
    kernel.unmap(0, 1);
    expect(kernel.frames.references(frame)).toBe(0);
  });

  it("takes one system call, and one path for each page", () => {
    const { kernel, machine } = boot();
    const cost = (pages: number): number => {
      const start = machine.meter.now;
      kernel.files.delete(0, pages);
      return machine.meter.now - start;
    };
    const none = cost(0);
    expect((cost(4) - none) / 4).toBe(cost(1) - none);
    // Barham 2003, Table 5: 6.08 us for an empty file, 12.5 us for three pages, at 2,400 MHz.
    expect(Math.abs(none / 2400 / 6.08 - 1)).toBeLessThan(0.01);
    expect(Math.abs(cost(3) / 2400 / 12.5 - 1)).toBeLessThan(0.01);
  });
});

describe("the return from a signal on IA-32", () => {
  it.each(VMMS.map((vmm) => ({ name: vmm.name, vmm })))("loads two segment registers on $name", ({ name, vmm }) => {
    const stream = new OperationStreamBuilder().finish();
    const guest = { name: "test", guest: SMALL_GUEST, stream, durationUs: 0, warmupUs: 0 };
    const { kernel, machine } = bootGuest(vmm, XEON, guest);
    const cost = (): number => {
      const start = machine.meter.now;
      kernel.entries.handleSignal();
      return machine.meter.now - start;
    };
    cost(); // finds none of the kernel's pages in the TLB
    const before = cost();
    expect(cost()).toBe(before);
    const loads = { ...XEON.costs };
    for (const key of Object.keys(loads)) if (key.endsWith(".segment-load")) loads[key] += 1000;
    const dearer = bootGuest(vmm, { ...XEON, costs: loads }, guest);
    dearer.kernel.entries.handleSignal();
    dearer.machine.meter.now = 0;
    dearer.kernel.entries.handleSignal();
    expect(dearer.machine.meter.now - before, name).toBe(2000);
  });
});
