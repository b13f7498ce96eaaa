import { expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { catalogue } from "../../src/experiment/catalogue.ts";
import { skipAdvice } from "../../src/experiment/skip-advice.ts";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { linux } from "../../src/vmm/linux.ts";
import { kvm } from "../../src/vmm/kvm.ts";
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

it("guests on one kernel are skipped on a machine with another kernel than its scheduler is of, unless there is only one", () => {
  const { profile } = loadMachine("machines/x86-64-server.yaml");
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
  const reason = skipAdvice(kvm, profile, ofKvm) ?? "";
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
  expect(skipAdvice(native, profile, ofNative)).toBe("native runs at most 1 guest, not 8");
});
