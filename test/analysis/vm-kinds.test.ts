/** Which VMs are of one kind on hosts with more and fewer VMs. */
import { expect, it } from "vitest";
import { vmKinds } from "../../src/analysis/vm-kinds.ts";
import type { VmGroup } from "../../src/workload/vm-settings.ts";

function idsByFirstVm(settings: readonly VmGroup[], vms: number): Record<string, string> {
  const spec = { block: "b", vmm: { base: "esx" }, workload: "w", machine: "m", seed: 1, vms, settings };
  const kinds = vmKinds(spec as unknown as Parameters<typeof vmKinds>[0]);
  return Object.fromEntries(kinds.map(({ group, id }) => [group < 0 ? "others" : `VM ${settings[group].first}`, id]));
}

it("tells alike groups apart in the order of all settings, whichever of them have VMs", () => {
  const settings = [
    { first: 7, last: 7, workload: "hog" },
    { first: 1, last: 1, workload: "hog" },
  ];
  const few = idsByFirstVm(settings, 4);
  const many = idsByFirstVm(settings, 8);
  expect(Object.keys(few)).toEqual(["others", "VM 1"]);
  expect(many["VM 1"]).toBe(few["VM 1"]);
  expect(many.others).toBe(few.others);
  expect(new Set(Object.values(many)).size).toBe(3);
});
