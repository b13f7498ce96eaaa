import { describe, expect, it } from "vitest";
import { expandMatrix } from "../../src/experiment/cells.ts";
import { loadVmm } from "../../src/experiment/load-vmm.ts";
import { readMatrix } from "../../src/experiment/matrix.ts";
import { overcommitMatrix } from "../../src/experiment/overcommit-matrix.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { esx } from "../../src/vmm/esx.ts";
import { esx3 } from "../../src/vmm/esx-3.ts";
import { esx4 } from "../../src/vmm/esx-4.ts";
import { esx5 } from "../../src/vmm/esx-5.ts";
import { esx6 } from "../../src/vmm/esx-6.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";

const TEXT = `name: m
machines: [x]
seeds: 1..2
blocks:
  - name: b
    vmms: [esx, xen-pv]
    workloads: [w, v]
    vms: [4, 8]
    overcommit: [0.9, 2]
`;

const underPolicy = (policy: string): string =>
  overcommitMatrix(TEXT, "m.yaml", { policies: { vmm: "kvm", names: [policy] } });

const loadedUnder = async (policy: string): Promise<{ label: string; vmm: Vmm }> => {
  const choice = readMatrix(underPolicy(policy), "m.yaml").matrix.blocks[0].vmms.at(-1);
  if (choice === undefined) throw new Error("the matrix has no VMM");
  const { vmm, problems } = await loadVmm(choice, ".");
  expect(problems).toEqual([]);
  return { label: choice.label, vmm };
};

describe("the matrix of an overcommit question", () => {
  it("adds a ratio for whoever is searched there, and for nobody else", () => {
    const further = [
      { block: "b", strategy: "esx", workload: "w", vms: 8, ratio: 1.45 },
      { block: "b", strategy: "xen-pv", workload: "v", vms: 4, ratio: 1.45 },
      { block: "b", strategy: "esx", workload: "w", vms: 8, ratio: 1.7 },
    ];
    const cells = expandMatrix(readMatrix(overcommitMatrix(TEXT, "m.yaml", { further }), "m.yaml").matrix);
    const added = cells.filter(({ overcommit }) => overcommit !== 0.9 && overcommit !== 2);
    const text = added.map(({ vmm, workload, vms, overcommit, seed }) =>
      [vmm.label, workload, vms, overcommit, seed].join(" "),
    );
    expect(text.sort()).toEqual([
      "esx w 8 1.45 1",
      "esx w 8 1.45 2",
      "esx w 8 1.7 1",
      "esx w 8 1.7 2",
      "xen-pv v 4 1.45 1",
      "xen-pv v 4 1.45 2",
    ]);
    expect(cells).toHaveLength(2 * 2 * 2 * 2 * 2 + added.length);
  });

  it("carries the service level, so that a report of the run judges by it", () => {
    const text = overcommitMatrix(TEXT, "m.yaml", { serviceLevel: { metric: "p99", bound: 1.5 } });
    expect(readMatrix(text, "m.yaml").matrix.serviceLevel).toEqual({ metric: "p99", bound: 1.5 });
    expect(() => readMatrix(`${TEXT}service-level: { p99: 0.5 }\n`, "m.yaml")).toThrow("service-level");
  });

  it.each([esx, esx3, esx4, esx5, esx6, xenPv])(
    "takes a VMM's name for the policy that it has: $name",
    async (owner) => {
      const { label, vmm } = await loadedUnder(owner.name);
      expect(label).toBe(`policy of ${owner.name}`);
      expect(vmm.allocation.definition.name).toBe(owner.allocation.definition.name);
      expect(vmm.allocation.parameters).toEqual(owner.allocation.parameters);
      expect(vmm.memory).toEqual(kvm.memory);
    },
  );

  it("takes the mechanisms of a VMM away from a policy that works alone, so that it can be asked for on every VMM", async () => {
    const { label, vmm } = await loadedUnder("clairvoyant");
    expect([label, vmm.allocation.definition.name, vmm.memory]).toEqual(["clairvoyant", "clairvoyant", []]);
  });

  it("says which policy was probably meant, or which VMM's", () => {
    expect(() => underPolicy("ESX")).toThrow('--policy: there is no policy "ESX"; did you mean "esx"?');
    expect(() => underPolicy("squeezd")).toThrow('--policy: there is no policy "squeezd"; did you mean "squeezed"?');
  });
});
