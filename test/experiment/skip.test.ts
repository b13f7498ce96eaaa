import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { catalogue } from "../../src/experiment/catalogue.ts";
import { loadVmm } from "../../src/experiment/load-vmm.ts";
import { type AskedVmm, skipAdvice } from "../../src/experiment/skip-advice.ts";
import type { CellSpec } from "../../src/sim/cell.ts";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { linux } from "../../src/vmm/linux.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { composeVmm } from "../../src/vmm/compose.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { VMMS } from "../../src/vmm/registry.ts";
import { uml } from "../../src/vmm/uml.ts";
import { workstation } from "../../src/vmm/workstation.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { native } from "../../src/vmm/native.ts";
import { bvt } from "../../src/vmm/scheduler/bvt.ts";

it("costs that only a host needs are no reason to skip one guest alone", () => {
  const { profile } = loadMachine("machines/xeon-2.4-sosp03.yaml");
  const { "xen.domain-switch": _, ...costs } = profile.costs;
  const vmm = { ...native, scheduler: bvt() };
  expect(reasonToSkip(vmm, { ...profile, costs }, {})).toBeUndefined();
  expect(reasonToSkip(vmm, { ...profile, costs }, { vms: 1 })).toContain("gives no cost of xen.domain-switch");
  expect(reasonToSkip(vmm, profile, { vms: 1 })).toBeUndefined();
  expect(reasonToSkip(vmm, profile, { vms: 2 })).toBe("native runs at most 1 guest, not 2");
});

it("guests on one kernel, or VMMs on one, are skipped on a machine with another kernel than its scheduler is of, unless there is only one", () => {
  const { profile } = loadMachine("machines/x86-64-server.yaml");
  for (const vmm of [workstation, uml]) {
    expect(reasonToSkip(vmm, profile, { vms: 1 })).toBe(
      `${vmm.name} has goodness, the scheduler of linux-2.4, and machine x86-64-server has linux-6.1`,
    );
    expect(reasonToSkip(vmm, loadMachine("machines/xeon-2.4-sosp03.yaml").profile, { vms: 2 })).toBeUndefined();
  }
  expect(reasonToSkip(linux, profile, { vms: 2 })).toBe(
    "linux has goodness, the scheduler of linux-2.4, and machine x86-64-server has linux-6.1",
  );
  expect(reasonToSkip(linux, profile, {})).toBeUndefined();
  expect(reasonToSkip(linux, loadMachine("machines/xeon-2.4-sosp03.yaml").profile, { vms: 2 })).toBeUndefined();
});

it("a reason that another machine would not give comes with the machines that do not", () => {
  const { profile } = loadMachine("machines/xeon-2.4-sosp03.yaml");
  const spec = { block: "b", workload: "w", machine: profile.name, seed: 1, vms: 8 };
  const ofKvm = { ...spec, vmm: { base: "kvm", set: {}, label: "kvm" } };
  const reason = skipAdvice({ vmm: kvm, changes: {} }, profile, ofKvm) ?? "";
  expect(reason).toMatch(/^machine xeon-2\.4-sosp03 gives no cost of .*; machines that fit: /);
  // KVM needs hardware that assists virtualization: the machines that give a price for leaving guest mode.
  const named = reason.replace(/^.*machines that fit: /, "").split(", ");
  const assisted = catalogue("machines").filter(
    (name) => loadMachine(`machines/${name}.yaml`).profile.costs["hardware-assist.exit"] !== undefined,
  );
  expect(named).toContain("x86-64-server");
  for (const name of named) expect(assisted).toContain(name);
  // Bare metal has one guest on any machine.
  const ofNative = { ...spec, vmm: { base: "native", set: {}, label: "native" } };
  expect(skipAdvice({ vmm: native, changes: {} }, profile, ofNative)).toBe("native runs at most 1 guest, not 8");
});

const adviceOn = (asked: AskedVmm, machine: string, more: Partial<CellSpec> = {}): string => {
  const { profile } = loadMachine(`machines/${machine}.yaml`);
  const vmm = { base: asked.vmm.name, set: asked.changes, label: asked.vmm.name };
  return skipAdvice(asked, profile, { block: "b", workload: "w", machine, seed: 1, vms: 2, vmm, ...more }) ?? "";
};
const advice = (base: Vmm, changes: AskedVmm["changes"], machine: string, more?: Partial<CellSpec>): string => {
  const { vmm, problems } = composeVmm(base, changes, PARTS);
  expect(problems).toEqual([]);
  return adviceOn({ vmm, changes }, machine, more);
};
/** Names of VMMs, as they come, that run on a machine and have a part with this name or role. */
const havingPart = (part: string, machine: string): string => {
  const { profile } = loadMachine(`machines/${machine}.yaml`);
  const have = ({ memory }: Vmm): boolean =>
    memory.some(({ definition }) => definition.name === part || definition.role === part);
  return VMMS.filter((vmm) => have(vmm) && reasonToSkip(vmm, profile, { vms: 2 }) === undefined)
    .map(({ name }) => name)
    .join(", ");
};

describe("a reason that no other machine takes away comes with the VMMs that do what was asked", () => {
  it.each(["xeon-2.4-sosp03", "x86-64-server"])(
    "where a policy has to see pages age, or a part needs another, on %s",
    (machine) => {
      const swapping = havingPart("host-swap", machine);
      expect(swapping.split(", ").length).toBeGreaterThan(3);
      expect(advice(xenPv, { allocation: "damon-reclaim" }, machine)).toBe(
        `xen-pv allocates memory by damon-reclaim, which goes by what only host-swap shows; expected a VMM with it; VMMs that fit: ${swapping}`,
      );
      expect(advice(xenPv, { "memory.compression": "on" }, machine)).toBe(
        `xen-pv has compression, which does nothing without host-swap; VMMs that fit: ${swapping}`,
      );
      // What was taken away from Xen, its balloon driver, is taken away from all: then nobody has one.
      expect(advice(xenPv, { memory: ["frontswap"] }, machine)).toBe(
        "xen-pv has frontswap, which does nothing without balloon driver",
      );
    },
  );

  it("says so where they need another machine", () => {
    const changes = { allocation: "ksmtuned" };
    expect(advice(xenPv, changes, "x86-64-server")).toMatch(/such as memory\.ksm: on; VMMs that fit: kvm$/);
    expect(advice(xenPv, changes, "xeon-2.4-sosp03")).toMatch(/; VMMs that fit, on other machines: kvm$/);
  });

  it("where single VMs have settings that the VMM does not know", () => {
    const settings = [{ first: 0, last: 0, diskShares: 2 }];
    expect(advice(xenPv, {}, "xeon-2.4-sosp03", { settings })).toBe(
      "xen-pv has the disk driver split-driver, which knows no disk shares; VMMs that fit: esx-3, esx",
    );
  });

  it.each([
    ["kvm", { "memory.linux-swap": "off" }, 0],
    ["xen-pv", { "memory.compression": "on" }, 4],
    ["xen-pv", { allocation: "damon-reclaim", "memory.xen-balloon": "off" }, 0],
    ["xen-pv", { memory: ["compression"] }, 0],
  ])("names for %s with %o those behind which the same can be written, and no others", async (base, set, atLeast) => {
    const machine = "x86-64-server";
    const { profile } = loadMachine(`machines/${machine}.yaml`);
    const choice = { base, set, label: base };
    const fits: string[] = [];
    for (const { name } of VMMS) {
      const { vmm, problems } = await loadVmm({ ...choice, base: name }, ".");
      if (problems.length === 0 && reasonToSkip(vmm, profile, { vms: 2 }) === undefined) fits.push(name);
    }
    expect(fits.length).toBeGreaterThanOrEqual(atLeast);
    const asked = await loadVmm(choice, ".");
    expect(asked.problems).toEqual([]);
    const [, named = ""] = adviceOn(asked, machine, { vmm: choice }).split("; VMMs that fit: ");
    expect(named).toBe(fits.join(", "));
  });

  it("names the same for a policy from a module as for the package's own", async () => {
    const folder = mkdtempSync(join(tmpdir(), "vmmbench-skip-"));
    const policy = JSON.stringify(join(import.meta.dirname, "../../src/vmm/memory/policies/damon-reclaim.ts"));
    writeFileSync(join(folder, "mine.js"), `export { damonReclaim } from ${policy};`);
    const adviceWith = async (allocation: string): Promise<string> => {
      const choice = { base: "xen-pv", set: { allocation }, label: "mine" };
      return adviceOn(await loadVmm(choice, folder), "x86-64-server", { vmm: choice });
    };
    const expected = await adviceWith("damon-reclaim");
    expect(expected).toContain("; VMMs that fit: ");
    expect(await adviceWith("./mine.js")).toBe(expected);
    rmSync(folder, { recursive: true });
  });

  it("names none where the VMM is one of the user's own, or nothing was asked of it but to run", () => {
    const own = { ...xenPv, name: "mine" };
    expect(advice(own, { allocation: "damon-reclaim" }, "x86-64-server")).not.toContain("VMMs that fit");
    expect(advice(native, {}, "x86-64-server")).toBe("native runs at most 1 guest, not 2");
    expect(advice(native, { allocation: "damon-reclaim" }, "x86-64-server")).toBe("native runs at most 1 guest, not 2");
  });
});
