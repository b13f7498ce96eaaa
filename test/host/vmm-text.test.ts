import { describe, expect, it } from "vitest";
import type { CellOutcome } from "../../src/sim/cell.ts";
import { runHost } from "../../src/sim/host.ts";
import { harvester } from "../../src/vmm/memory/policies/admission.ts";
import { linuxSwap } from "../../src/vmm/memory/linux-swap.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import type { VmMemory } from "../../src/vmm/host-memory/vm-memory.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { buildHost, checkFrames, profile, type TestHost } from "./fixtures.ts";

const PAGES = 2000;
const TEXT = 123;
const PLACES = 40;

/** Two VMs that fill the host. */
function fullHost(): { host: TestHost; vms: VmMemory[] } {
  const allocation = harvester({ admissionRatio: 0 });
  const host = buildHost({ ...kvm, memory: [linuxSwap()], allocation }, 2 * PAGES);
  const vms = [host.memory.addVm(PAGES), host.memory.addVm(PAGES)];
  for (const vm of vms) for (let ppn = 0; ppn < PAGES; ppn++) host.memory.write(vm, ppn, 1);
  return { host, vms };
}

const serve = ({ memory }: TestHost, vm: VmMemory): void => memory.vmmText?.serve(vm);
const faults = ({ memory }: TestHost): number => memory.vmmText?.text.majorFaults ?? 0;

/** Pages that the host reads for the text. */
function textReads({ memory }: TestHost): number {
  const requests = memory.vmmText?.text.requests;
  let pages = 0;
  for (let i = 0; i < (requests?.length ?? 0); i++) pages += requests?.pages(i) ?? 0;
  requests?.clear();
  return pages;
}

describe("program text of the processes of VMs", () => {
  it("is in memory once, on top of what there is for VMs", () => {
    const { host } = fullHost();
    expect(host.memory.frames.free).toBe(0);
    expect(host.memory.frames.overhead).toBe(TEXT);
    expect(host.memory.frames.total).toBe(2 * PAGES + TEXT);
    checkFrames(host.memory);
  });

  it("goes before guests' memory that nobody has used since either, and is read again for the next request", () => {
    const { host, vms } = fullHost();
    const [first, second] = vms;
    for (let round = 0; round < 12; round++) host.mechanisms[0].reclaim(first, 32);
    const left = host.memory.frames.overhead;
    // Of the text most is gone, of the guest's memory an eighth.
    expect(left / TEXT).toBeLessThan(1 / 3);
    expect(first.swapped / PAGES).toBeLessThan(0.15);
    expect(faults(host)).toBe(0);
    serve(host, second);
    // A fault for each place that something is missing of, and each reads 32 pages around.
    expect(faults(host)).toBeLessThanOrEqual(PLACES);
    expect(faults(host)).toBeGreaterThanOrEqual((TEXT - left) / 4);
    expect(textReads(host)).toBe(32 * faults(host));
    expect(host.memory.frames.overhead).toBe(TEXT);
    const { majorFaults } = host.memory.vmmText?.text ?? {};
    serve(host, first);
    expect(faults(host)).toBe(majorFaults);
    checkFrames(host.memory);
  });

  it("stays as long as it is used between two looks at it", () => {
    const { host, vms } = fullHost();
    const [first] = vms;
    for (let round = 0; round < 200; round++) {
      serve(host, first);
      host.mechanisms[0].reclaim(first, 8);
      for (let ppn = 0; ppn < 50; ppn++) host.memory.write(first, ppn, round);
    }
    expect(faults(host)).toBe(0);
    expect(host.memory.frames.overhead).toBe(TEXT);
  });

  it("is charged to whoever reads it: the next to give it up is the group of that VM", () => {
    const { host, vms } = fullHost();
    const [first, second] = vms;
    while (host.memory.frames.overhead > 0) host.mechanisms[0].reclaim(first, 32);
    serve(host, second);
    for (let round = 0; round < 20; round++) host.mechanisms[0].reclaim(first, 32);
    expect(host.memory.frames.overhead).toBe(TEXT);
    while (host.memory.frames.overhead > 0) expect(host.mechanisms[0].reclaim(second, 32)).toBeGreaterThan(0);
    checkFrames(host.memory);
  });
});

describe("a guest on a host that is short of memory", () => {
  const USED = 1500;

  /** Reads its disk now and then while it uses 1,500 pages in turn, of which the host holds 1,000. */
  function guest(text: string): CompiledWorkload {
    const stream = new OperationStreamBuilder();
    for (let request = 0; request < 20; request++) {
      stream.add(Op.Request);
      for (let page = 0; page < USED; page++) stream.add(Op.Touch, page, (1000 << 1) | 1);
      stream.add(Op.ReadFile, request * 10, 1);
    }
    return {
      name: `reader ${text}`,
      guest: {
        memoryPages: PAGES,
        kernelPages: 100,
        processes: 1,
        anonymousPages: USED,
        residentAnonymousPages: USED,
        filePages: 500,
        residentFilePages: 0,
        swapPages: 0,
        threads: 1,
      },
      stream: stream.finish(),
      durationUs: 0,
      warmupUs: 0,
    };
  }

  const run = (textPages: number): CellOutcome["metrics"] => {
    const vmm = { ...kvm, memory: [linuxSwap({ textPages })], allocation: harvester({ admissionRatio: 0 }) };
    return runHost(vmm, profile, [guest(`${textPages}`)], PAGES / 2, () => ({})).metrics;
  };

  it("waits for its VMM to be read, too (false page anonymity)", () => {
    const [alone, served] = [run(0), run(TEXT)];
    expect(alone.vmm_text_faults).toBeUndefined();
    expect(served.host_swap_ins).toBeGreaterThan(1000);
    expect(served.vmm_text_faults).toBeGreaterThan(20);
    // Each of these faults costs a seek. Text that is out leaves its frames to the guest, which pages less for it.
    const seekMs = profile.disk.positioningUs / 1000;
    expect(served.elapsed_ms - alone.elapsed_ms).toBeGreaterThan(0.5 * served.vmm_text_faults * seekMs);
  });
});
