/** Operations of Linux 6.1 against counts of instructions on the real systems (validation/linux-6.1-instructions.json). */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load.ts";
import { LINUX_6_1 } from "../../src/sim/microbenchmarks/linux-6.1.ts";
import { measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { kvmShadow } from "../../src/vmm/kvm-shadow.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";

interface Measured {
  readonly native_instructions_per_operation: Readonly<Record<string, number>>;
  readonly native_minor_faults_per_operation: Readonly<Record<string, number | null>>;
  readonly native_events: Readonly<Record<string, { ops: number; events: Readonly<Record<string, number>> }>>;
  readonly xen_pv_instructions_per_operation: Readonly<Record<string, number>>;
  readonly kvm_shadow_instructions_per_operation: Readonly<Record<string, number>>;
}
const measured = JSON.parse(readFileSync("validation/linux-6.1-instructions.json", "utf8")) as Measured;
const { profile } = loadMachine("machines/linux-6.1-icount.yaml");

const costs = new Map<string, ReturnType<typeof measureMicrobenchmark>>();
function simulate(name: string, vmm: Vmm): ReturnType<typeof measureMicrobenchmark> {
  const key = `${name} ${vmm.name}`;
  const benchmark = LINUX_6_1.find((each) => each.name === name);
  if (benchmark === undefined) throw new Error(`no operation ${name}`);
  const known = costs.get(key) ?? measureMicrobenchmark(benchmark, vmm, profile);
  costs.set(key, known);
  return known;
}

it("has every operation that was measured, but for the empty loop", () => {
  const names = Object.keys(measured.native_instructions_per_operation).filter((name) => name !== "user_loop");
  expect(LINUX_6_1.map(({ name }) => name).sort()).toEqual(names.sort());
});

describe("natively", () => {
  // What one path length was calibrated on has to come out; what shares it (larger forks, sparse touches, many processes) nearly.
  it.each(LINUX_6_1.map(({ name }) => name))("%s takes the instructions that were counted", (name) => {
    const ratio = simulate(name, native).cost / measured.native_instructions_per_operation[name];
    expect(Math.abs(ratio - 1)).toBeLessThan(/^ctx_(8|16)p/.test(name) ? 0.06 : 0.01);
  });

  it.each(["fork_exit", "fork_exec", "vfork_exec", "anon_fault_4MB", "file_fault_4MB"])(
    "%s has the page faults of user code and kernel that were counted",
    (name) => {
      const { ops, events } = measured.native_events[name];
      const simulated = simulate(name, native).events;
      // file_fault_4MB is per page, its events were counted per page, too: 64 faults in 1,024, and 3 of the loop around it.
      const tolerance = name === "file_fault_4MB" ? 0.01 : 1.7;
      for (const event of ["page_fault_user", "page_fault_kernel"]) {
        expect(Math.abs((simulated[event] ?? 0) - (events[event] ?? 0) / ops), event).toBeLessThan(tolerance);
      }
    },
  );

  it("fork_exit has 6 faults of user code and 2 of the kernel", () => {
    const { page_fault_user: user, page_fault_kernel: kernel } = simulate("fork_exit", native).events;
    expect([user, kernel]).toEqual([6, 2]);
  });
});

describe.each([
  { vmm: xenPv, table: measured.xen_pv_instructions_per_operation },
  { vmm: kvmShadow, table: measured.kvm_shadow_instructions_per_operation },
])("on $vmm.name", ({ vmm, table }) => {
  it.each(Object.keys(table))("%s, on which a primitive was calibrated, comes out", (name) => {
    expect(Math.abs(simulate(name, vmm).cost / table[name] - 1)).toBeLessThan(0.01);
  });

  it.each(["file_fault_4MB", "fork_exit", "fork_exec", "fork_sh", "prot_fault", "fork_exit_rss_4MB"])(
    "%s is dearer than natively",
    (name) => expect(simulate(name, vmm).cost).toBeGreaterThan(simulate(name, native).cost),
  );
});

it("calls do not exit on KVM and bounce through the hypervisor on Xen", () => {
  for (const name of ["stat", "read_dev_zero", "sig_install"]) {
    expect(simulate(name, kvmShadow).cost).toBe(simulate(name, native).cost);
    expect(simulate(name, xenPv).cost - simulate(name, native).cost).toBe(664);
  }
});

/** Instructions a page of memory adds to a fork. */
function slope(vmm: Vmm): number {
  return (simulate("fork_exit_rss_64MB", vmm).cost - simulate("fork_exit_rss_16MB", vmm).cost) / (48 * 256);
}

it("a fork's cost grows with resident memory on Xen, which pins and checks every entry, and not on KVM, which shadows what is used", () => {
  expect(slope(xenPv)).toBeGreaterThan(2 * slope(native));
  expect(Math.abs(slope(kvmShadow) - slope(native))).toBeLessThan(5);
});
