import { expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load.ts";
import { reasonToSkip } from "../../src/sim/simulate.ts";
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
