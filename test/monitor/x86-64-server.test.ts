/** A current server: everything that it says it has prices for runs on it, and in the order that the mechanisms give. */
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { microbenchmarks } from "../../src/sim/microbenchmarks/catalogue.ts";
import { LINUX_6_1 } from "../../src/sim/microbenchmarks/linux-6.1.ts";
import { type MeasuredCost, measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { measureOperations } from "../../src/sim/operations.ts";
import { composeVmm } from "../../src/vmm/compose.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { esx3, esx4, kvm, kvmShadow, native, xenHvm, xenPv } from "../../src/vmm/registry.ts";
import { OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { SMALL_GUEST } from "./machines.ts";

const { profile } = loadMachine("machines/x86-64-server.yaml");
const counts = loadMachine("machines/linux-6.1-icount.yaml").profile;
const VMMS: readonly Vmm[] = [native, xenPv, xenHvm, kvmShadow, kvm, esx3, esx4];
/** Operations for which the machine has no price: no source tells what a port or CR8 takes on it. */
const WITHOUT_PRICE = ["in", "cr8wr"];
const known = new Map<string, MeasuredCost>();

function measure(name: string, vmm: Vmm, machine = profile): MeasuredCost {
  const key = `${name} ${vmm.name} ${machine.name}`;
  const [benchmark] = microbenchmarks(machine).filter((each) => each.name === name);
  const measured = known.get(key) ?? measureMicrobenchmark(benchmark, vmm, machine);
  known.set(key, measured);
  return measured;
}

const cost = (name: string, vmm: Vmm): number => measure(name, vmm).cost;

describe.each(VMMS.map((vmm) => ({ name: vmm.name, vmm })))("$name", ({ vmm }) => {
  it("runs every operation, none of them cheaper than natively", () => {
    for (const { name } of microbenchmarks(profile)) {
      if (WITHOUT_PRICE.includes(name)) continue;
      // A call and its return have no price of their own natively.
      if (name === "callret") {
        expect(cost(name, native)).toBe(0);
        expect(cost(name, vmm)).toBeGreaterThanOrEqual(0);
        continue;
      }
      // Native walks are charged in full even if they end early, nested ones by their references: a thousandth at most.
      expect(cost(name, vmm), name).toBeGreaterThan(0.999 * cost(name, native));
    }
  });

  it("has its disk and its network priced", () => {
    const work = { name: "none", guest: SMALL_GUEST, stream: new OperationStreamBuilder().finish() };
    const measured = measureOperations(vmm, profile, { ...work, durationUs: 0, warmupUs: 0 });
    for (const name of ["disk-read", "disk-write", "send-packet", "receive-packet"]) {
      const cycles = Object.values(measured[name].frontend);
      expect(cycles.length, name).toBeGreaterThan(0);
      expect(cycles.every(Number.isInteger), name).toBe(true);
    }
  });
});

it("has, besides what was counted, lmbench's files and select, packets, disk and nanobenchmarks, all priced but two", () => {
  const names = microbenchmarks(profile).map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(["select-tcp", "10k-create", "tcp-transmit-1500", "disk-read-4k", "syscall"]),
  );
  expect(() => cost("in", native)).toThrow('machine "x86-64-server" gives no costs.hardware.port-input');
  expect(() => cost("cr8wr", native)).toThrow('machine "x86-64-server" gives no costs.hardware.task-priority');
});

it("takes over what was counted in instructions, at 0.6 cycles each, and what the processor does from elsewhere", () => {
  expect(profile.unit).toBe("cycles");
  expect(profile.kernelPaths["syscall-stat"]).toBe(Math.round(0.6 * counts.kernelPaths["syscall-stat"]));
  expect(profile.costs["xen.update"]).toBe(Math.round(0.6 * counts.costs["xen.update"]));
  // A path of 338 instructions, SYSCALL and SYSRET.
  expect(cost("null_syscall", native)).toBe(203 + 82 + 75);
});

it("has events that do not depend on what is counted", () => {
  for (const vmm of [xenPv, kvmShadow]) {
    for (const name of ["fork_exit", "prot_fault", "mprotect_1MB_rw_touch"]) {
      const { "page-walk-reference": ours, ...events } = measure(name, vmm).events;
      const { "page-walk-reference": theirs, ...counted } = measure(name, vmm, counts).events;
      // TLBs of 1,536 and 1,024 entries hold what these operations touch; the walks are shorter where upper levels are cached.
      expect(ours).toBeLessThanOrEqual(theirs);
      expect(events).toEqual(counted);
    }
  }
});

const references = (vmm: Vmm): number => measure("tlb-miss", vmm).events["page-walk-reference"];

describe("what the designs are known for", () => {
  const FAULTS = ["anon_fault_4MB", "file_fault_4MB", "prot_fault", "fork_exit", "fork_exec"];

  it("nested paging: nothing but exec, whose program asks CPUID, is more than 6 % from bare metal", () => {
    for (const { name } of LINUX_6_1) {
      if (/exec|sh$|tlb-miss/.test(name)) continue;
      expect(cost(name, kvm) / cost(name, native), name).toBeLessThan(1.06);
    }
  });

  it("shadow paging and direct paging: faults and forks are dear", () => {
    for (const vmm of [kvmShadow, xenPv, xenHvm]) {
      for (const name of FAULTS) expect(cost(name, vmm), name).toBeGreaterThan(1.4 * cost(name, native));
    }
    for (const name of ["anon_fault_4MB", "fork_exit", "fork_exec"]) {
      expect(cost(name, kvmShadow), name).toBeGreaterThan(cost(name, xenPv));
    }
  });

  it("a system call bounces through Xen, with two loads of the root, and through no hardware-assisted VMM", () => {
    for (const vmm of [kvm, kvmShadow, xenHvm, esx4]) {
      expect(cost("null_syscall", vmm)).toBe(cost("null_syscall", native));
    }
    const { "xen.fast-system-call": bounce, "hardware.tlb-flush": load } = profile.costs;
    expect(cost("null_syscall", xenPv) - cost("null_syscall", native)).toBe(bounce + 2 * load);
  });
});

describe("a TLB miss", () => {
  // Nothing of a walk is cached on this machine. Nested: 4 guest entries, and 4 tables and the page found by 4 references each,
  // or 3 where nested pages are large.
  it.each([
    { vmm: native, references: 4 },
    { vmm: xenPv, references: 4 },
    { vmm: kvmShadow, references: 4 },
    { vmm: kvm, references: 4 + 5 * 4 },
    { vmm: esx4, references: 4 + 5 * 3 },
  ])("makes $references references on $vmm.name", ({ vmm, references }) => {
    const { events } = measure("tlb-miss", vmm, counts);
    expect(events["hardware.tlb-miss"]).toBe(1);
    expect(events["page-walk-reference"]).toBe(references);
  });

  it("makes fewer where upper levels and guest frames are cached", () => {
    // Four last-level tables take turns: natively the upper levels are always known. 2,048 frames are too many for a nested
    // TLB of 32, but not for one of large pages.
    expect(references(native)).toBeLessThan(1.01);
    expect(references(kvm)).toBeGreaterThan(1.9);
    expect(references(kvm)).toBeLessThan(2.1);
    expect(references(esx4)).toBeLessThan(1.1);
  });
});

const exits = (changes: Record<string, unknown>): number => {
  const { vmm, problems } = composeVmm(kvmShadow, changes, PARTS);
  expect(problems).toEqual([]);
  const [benchmark] = microbenchmarks(profile).filter(({ name }) => name === "anon_fault_4MB");
  const { ledger, events } = measureMicrobenchmark(benchmark, vmm, profile);
  return ledger["vmm.exit.world-switch"] / events.exits;
};

it("exits take the round trip of another generation, if it is given", () => {
  expect(exits({})).toBeCloseTo(784, 9);
  expect(exits({ "cpu.exitCycles": 3963 })).toBeCloseTo(3963, 9);
});
