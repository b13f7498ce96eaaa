import { describe, expect, it } from "vitest";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { dslab } from "../../src/vmm/memory/policies/dslab.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { buildHost, profile, type TestHost } from "../host/fixtures.ts";
import { decideOnce, GIB, host } from "./observations.ts";

const request = { least: GIB, most: GIB };

/** VMs of 100 pages that ask one second after the other, and use so many pages each as soon as they run: how many have started. */
function started({ allocation, memory }: TestHost, asking: number, used: number): number {
  for (let vms = 0; vms < asking; vms++) {
    if (allocation.start({ pages: 100 }, vms * 1e6).kind !== "granted") return vms;
    const vm = memory.addVm(100);
    for (let ppn = 0; ppn < used; ppn++) memory.write(vm, ppn, 1 + vm.firstPage + ppn);
  }
  return asking;
}

const hostOf = (frames: number, loadPercent = 80): TestHost =>
  buildHost({ ...kvm, allocation: dslab({ loadPercent }) }, frames);

/** What the request is granted, KiB. */
function granted(total: number, free: number): readonly number[] {
  const { actions } = decideOnce(dslab, { host: host({ total, free }), vms: [], request });
  return actions.map((action) => (action.kind === "grant" ? action.kib : NaN));
}

describe("admission by DSLab's rule", () => {
  it("grants all that a VM is configured with below 80 % of the load, and nothing from there on", () => {
    expect(granted(10 * GIB, 2 * GIB + 1)).toEqual([GIB]);
    expect(granted(10 * GIB, 2 * GIB)).toEqual([]);
    expect(decideOnce(dslab, { host: host({ total: GIB, free: GIB }), vms: [] }).actions).toEqual([]);
  });

  it.each([
    // 13 VMs use 780 of 1000 pages, one more 840: fourteen start, configured with 1.4 times the host's memory.
    [60, 80, 14],
    // Eight use 800, which is 80 %.
    [100, 80, 8],
    // 79 use 790 and the next 800.
    [10, 80, 80],
    [60, 50, 9],
  ])("packs VMs that use %d of 100 pages on a host of 1000 up to %d %%: %d of them", (used, percent, count) => {
    expect(started(hostOf(1000, percent), 100, used)).toBe(count);
  });

  it("starts one that waits when others have given memory back", () => {
    const full = hostOf(1000);
    const { allocation, memory } = full;
    expect(started(full, 100, 100)).toBe(8);
    expect(allocation.start({ pages: 100 }, 8e6)).toEqual({ kind: "wait", us: 1e6 });
    memory.discard(memory.vms[0], 0);
    expect(allocation.start({ pages: 100 }, 8.5e6)).toEqual({ kind: "wait", us: 0.5e6 });
    expect(allocation.start({ pages: 100 }, 9e6)).toEqual({ kind: "granted", pages: 100 });
  });

  it("sees no load of VMs that are there from the start, and admits all of them", () => {
    const requests = Array.from({ length: 30 }, () => ({ pages: 100 }));
    expect(hostOf(1000).allocation.admit(requests, 1000)).toEqual(requests.map(() => 100));
  });

  it("needs a host that can swap, for load may grow afterwards", () => {
    expect(reasonToSkip({ ...xenPv, allocation: dslab() }, profile, { vms: 2 })).toContain("host-swap");
  });
});
