/** Traps of a paravirtual guest: what it registers, what the processor may enter directly, and what comes by the hypervisor. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DIVIDE_ERROR, PAGE_FAULT, SYSTEM_CALL, TRAP_HANDLERS } from "../../src/guest/trap-handlers.ts";
import type { KernelEntry, TrapHandler } from "../../src/guest/virtual-hardware.ts";
import { Meter } from "../../src/machine/meter.ts";
import { runMonitor } from "../../src/sim/monitor.ts";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { paravirtual } from "../../src/vmm/cpu/paravirtual.ts";
import { TrapTable } from "../../src/vmm/cpu/trap-table.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { hardwareOf, LINUX_6_1, SMALL_GUEST, XEON } from "./machines.ts";

const { costs } = XEON;
const handler = (vector: number, isCallable = true, disablesInterrupts = false): TrapHandler => ({
  vector,
  isCallable,
  disablesInterrupts,
});

function tableOf(...handlers: TrapHandler[]): TrapTable {
  const table = new TrapTable();
  table.register(handlers);
  return table;
}

describe("the processor may enter", () => {
  it.each([
    { which: handler(0x80), allowed: true, of: "system calls of Linux and BSD" },
    { which: handler(0x20), allowed: true, of: "calls of Windows and DOS" },
    { which: handler(0x2f), allowed: true, of: "calls of Windows and DOS, the last" },
    { which: handler(0x1f), allowed: false, of: "an exception that the processor may have some day" },
    { which: handler(0x30), allowed: false, of: "what may be a device's interrupt" },
    { which: handler(PAGE_FAULT), allowed: false, of: "page faults, whose address the kernel cannot read" },
    { which: handler(0x80, false), allowed: false, of: "system calls that user code may not make" },
    { which: handler(0x80, true, true), allowed: false, of: "system calls that begin with interrupts disabled" },
  ])("the handler of $of: $allowed", ({ which, allowed }) => {
    const table = tableOf(which);
    expect(table.enterDirectly(which.vector)).toBe(allowed);
    expect(table.isDirect(which.vector)).toBe(allowed);
  });

  it("none that has not been registered", () => expect(tableOf().enterDirectly(0x80)).toBe(false));

  it("one at a time, the last one that was asked for and allowed", () => {
    const table = tableOf(handler(0x80), handler(0x21), handler(0x22, true, true));
    expect([0x80, 0x21, 0x22].map((vector) => table.enterDirectly(vector))).toEqual([true, true, false]);
    expect([0x80, 0x21, 0x22].map((vector) => table.isDirect(vector))).toEqual([false, true, false]);
  });

  it("of what Linux registers nothing but system calls, and user code may call three exceptions besides", () => {
    const table = tableOf(...TRAP_HANDLERS);
    const direct = TRAP_HANDLERS.filter(({ vector }) => table.enterDirectly(vector));
    expect(direct.map(({ vector }) => vector)).toEqual([0x80]);
    expect(TRAP_HANDLERS.filter(({ isCallable }) => isCallable).map(({ vector }) => vector)).toEqual([3, 4, 5, 0x80]);
  });
});

it("never enters an exception of the processor directly, whatever is registered and asked for", () => {
  const handlers = fc.array(
    fc.record({ vector: fc.integer({ min: 0, max: 255 }), isCallable: fc.boolean(), disablesInterrupts: fc.boolean() }),
  );
  const asked = fc.array(fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(handlers, asked, (registered, vectors) => {
      const table = tableOf(...registered);
      for (const vector of vectors) table.enterDirectly(vector);
      const all = Array.from({ length: 256 }, (_, vector) => vector);
      const direct = all.filter((vector) => table.isDirect(vector));
      expect(direct.length).toBeLessThanOrEqual(1);
      for (const vector of direct) {
        expect(vector).toBeGreaterThanOrEqual(32);
        // Of handlers of the same vector the last one counts.
        const last = registered.findLast((one) => one.vector === vector);
        expect(last).toMatchObject({ isCallable: true, disablesInterrupts: false });
      }
    }),
  );
});

describe("a guest enters its kernel", () => {
  function cyclesOf(entry: KernelEntry, handlers: readonly TrapHandler[], direct: number, fastSystemCalls = true) {
    const meter = new Meter();
    const hardware = hardwareOf(XEON, meter);
    const cpu = paravirtual.definition.create({ timerMs: 0, fastSystemCalls }, hardware);
    cpu.registerTraps?.(handlers, direct);
    expect(meter.now).toBe(2 * costs["xen.hypercall"]);
    const before = meter.now;
    cpu.enterKernel(entry);
    return meter.now - before;
  }
  const direct = costs["hardware.system-call"] + costs["xen.fast-system-call"];
  const forwarded = costs["hardware.exception"] + costs["xen.forward-exception"];

  it("directly by a system call, if it has asked for that, and it may", () => {
    expect(cyclesOf("system-call", TRAP_HANDLERS, SYSTEM_CALL)).toBe(direct);
    expect(cyclesOf("system-call", TRAP_HANDLERS, PAGE_FAULT)).toBe(forwarded);
    expect(cyclesOf("system-call", TRAP_HANDLERS, SYSTEM_CALL, false)).toBe(forwarded);
    expect(cyclesOf("system-call", [handler(SYSTEM_CALL, true, true)], SYSTEM_CALL)).toBe(forwarded);
  });

  it("by the hypervisor through exceptions, whatever it asks for", () => {
    expect(cyclesOf("exception", TRAP_HANDLERS, DIVIDE_ERROR)).toBe(forwarded);
    expect(cyclesOf("page-fault", TRAP_HANDLERS, PAGE_FAULT)).toBe(costs["xen.forward-exception"]);
  });

  it("not at all where it has registered no handler", () => {
    expect(() => cyclesOf("page-fault", [handler(SYSTEM_CALL)], SYSTEM_CALL)).toThrow(
      "has registered no handler of vector 14",
    );
  });
});

it("makes a system call dearer by what forwarding an exception takes more than the fast handler", () => {
  const [fast, slow] = [true, false].map((fastSystemCalls) => {
    const builder = new OperationStreamBuilder();
    builder.add(Op.Syscall, 0, 100);
    const workload = { name: "calls", guest: SMALL_GUEST, stream: builder.finish(), durationUs: 0, warmupUs: 0 };
    return runMonitor({ ...xenPv, cpu: paravirtual({ fastSystemCalls }) }, XEON, workload);
  });
  const total = ({ cycles }: typeof fast): number => Object.values(cycles).reduce((sum, amount) => sum + amount, 0);
  const [direct, forwarded] = [
    ["hardware.system-call", "xen.fast-system-call"],
    ["hardware.exception", "xen.forward-exception"],
  ].map((names) => names.reduce((sum, name) => sum + costs[name], 0));
  expect(total(slow) - total(fast)).toBe(100 * (forwarded - direct));
  expect(slow.events["hardware.system-call"]).toBeUndefined();
});

it("cannot be without it on x86-64, where system calls have no handler in the table", () => {
  const vmm = { ...xenPv, cpu: paravirtual({ fastSystemCalls: false }) };
  expect(reasonToSkip(vmm, LINUX_6_1, {})).toBe(
    "xen-pv on linux-6.1-icount: every system call goes through the hypervisor on x86-64; expected cpu.fastSystemCalls: on",
  );
  expect(reasonToSkip(vmm, XEON, {})).toBeUndefined();
});
