/** What services that tune KSM see of a host, and what they make KSM do, with figures worked out by hand. */
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { runHost } from "../../src/sim/host.ts";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { composeVmm } from "../../src/vmm/compose.ts";
import { definePart, type Part } from "../../src/vmm/contract.ts";
import type { ScanSpeed } from "../../src/vmm/host-memory/memory-roles.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { ksm, type KsmParameters } from "../../src/vmm/memory/ksm.ts";
import { ksmtuned, momKsm, proxmoxKsmtuned } from "../../src/vmm/memory/ksm-tuner.ts";
import { ksmtunedPolicy } from "../../src/vmm/memory/policies/ksmtuned.ts";
import { momKsmPolicy } from "../../src/vmm/memory/policies/mom-ksm.ts";
import { proxmoxKsmtunedPolicy } from "../../src/vmm/memory/policies/proxmox-ksmtuned.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { buildHost, FULL_GUEST } from "./fixtures.ts";

const { profile } = loadMachine("machines/x86-64-server.yaml");
const FRAMES = 10_000;
/** Of 40,000 KiB, a fifth: 8000 KiB. */
const THRESHOLD = 2000;

/** A host of 10,000 pages with one VM of that size, which uses the first `used` pages; every content is there `copies` times. */
function hostWith(tuner: Part<"memory">, used: number, copies = 1, parameters: Partial<KsmParameters> = {}) {
  const host = buildHost({ ...kvm, memory: [tuner, ksm(parameters), hostSwap()] }, FRAMES, profile);
  const vm = host.memory.addVm(FRAMES);
  for (let ppn = 0; ppn < used; ppn++) host.memory.write(vm, ppn, 1 + Math.floor(ppn / copies));
  const [tuning, scanner] = host.mechanisms;
  /** Pages scanned in one batch after a decision. */
  const scanned = (): number => {
    tuning.work();
    const before = host.memory.pagesScanned;
    scanner.work();
    return host.memory.pagesScanned - before;
  };
  return { ...host, vm, tuning, scanner, scanned };
}

describe("a tuner of KSM", () => {
  it("leaves KSM off while VMs hold little of the host, and lets it run when they hold more", () => {
    // 7999 pages and the threshold of 2000 are less than the host, and 2001 are free.
    expect(hostWith(ksmtuned(), 7999).scanned()).toBe(0);
    // 8000 and 2000 are not less than 10,000; free memory is no less than the threshold, so that KSM is slowed down: 64 pages at least.
    expect(hostWith(ksmtuned(), 8000).scanned()).toBe(64);
  });

  it("speeds up by 300 pages a decision while less is free than the threshold, to 1250", () => {
    const { scanned } = hostWith(ksmtuned(), FRAMES - THRESHOLD + 1);
    expect(Array.from({ length: 6 }, scanned)).toEqual([300, 600, 900, 1200, 1250, 1250]);
  });

  it("lets KSM sleep longer on a small host: 10 ms for 16 GiB, in proportion", () => {
    const host = hostWith(ksmtuned(), 7000);
    host.tuning.work();
    // 10 ms * 16,777,216 KiB / 40,000 KiB = 4194.3 ms, cut to whole milliseconds; ten times as long under Proxmox.
    expect(host.scanner.periodUs).toBe(4_194_000);
    const proxmox = hostWith(proxmoxKsmtuned(), 7000);
    proxmox.tuning.work();
    expect(proxmox.scanner.periodUs).toBe(41_943_000);
  });

  it("goes by what VMs are configured with (MOM), hold (ksmtuned), or hold in proportion (Proxmox)", () => {
    // 1000 pages of 10,000 are in use: the others say that there is plenty.
    expect([momKsm(), ksmtuned(), proxmoxKsmtuned()].map((tuner) => hostWith(tuner, 1000).scanned())).toEqual([
      64, 0, 0,
    ]);
    // MOM goes on from KSM's own 100 pages.
    expect(hostWith(momKsm(), 9000).scanned()).toBe(400);
    // 8000 pages in pairs. Merging leaves them resident, so that ksmtuned goes on to the last pair. In proportion, less is held
    // as soon as the first batch of the second pass has merged its 64 pages, and Proxmox switches KSM off.
    const saved = [ksmtuned(), proxmoxKsmtuned()].map((tuner) => {
      const host = hostWith(tuner, 8000, 2);
      for (let round = 0; round < 400; round++) host.scanned();
      return host.memory.frames.saved;
    });
    expect(saved).toEqual([4000, 32]);
  });

  it("does not tell the advisor how many pages to scan", () => {
    const { scanned } = hostWith(ksmtuned(), 9000, 1, { advisor: true });
    expect([scanned(), scanned()]).toEqual([500, 500]);
  });

  it("says when it looks: every minute and decides, or every five seconds and decides every second time", () => {
    const periods = [ksmtuned(), momKsm(), proxmoxKsmtuned()].map((tuner) => hostWith(tuner, 1).tuning.periodUs);
    expect(periods).toEqual([60e6, 5e6, 60e6]);
    const { scanned } = hostWith(momKsm(), 9000);
    expect(Array.from({ length: 6 }, scanned)).toEqual([400, 400, 700, 700, 1000, 1000]);
  });

  it("goes before KSM, takes the place of another, and is skipped where there is no KSM", () => {
    const { vmm, problems } = composeVmm(kvm, { "memory.mom-ksm": "on" }, PARTS);
    const names = vmm.memory.map(({ definition }) => definition.name);
    expect([problems, names.indexOf("ksm") - names.indexOf("mom-ksm")]).toEqual([[], 1]);
    const both = composeVmm(kvm, { "memory.mom-ksm": "on", "memory.ksmtuned": "on" }, PARTS);
    expect(both.problems.map(({ message }) => message)).toEqual([
      "a VMM has one part for the speed of page sharing; expected ksmtuned or mom-ksm, not both",
    ]);
    expect(reasonToSkip(vmm, profile, { vms: 2 })).toBeUndefined();
    const without = composeVmm(kvm, { "memory.ksmtuned": "on", "memory.ksm": "off" }, PARTS).vmm;
    expect(reasonToSkip(without, profile, { vms: 2 })).toBe(
      "kvm has ksmtuned, which does nothing without tunable page sharing",
    );
  });
});

/** Page sharing of a user's own, under a name of its own: it does nothing but to keep what it is told. */
function ownSharer(isTunable: boolean, told: ScanSpeed[]): Part<"memory"> {
  return definePart<"memory", Record<string, never>>({
    slot: "memory",
    stage: "sharing",
    name: "my-sharer",
    summary: "s",
    role: "page sharing",
    ...(isTunable && { isTunable }),
    parameters: {},
    create: (_, { memory }) => {
      const sharer = {
        scannedBeforeStart: false,
        sharesOnDemand: false,
        copiesForLast: true,
        share: () => false,
        forget: () => {},
        tune: (speed: ScanSpeed) => void told.push(speed),
        get speed(): ScanSpeed {
          return told.at(-1) ?? { run: false, pagesToScan: 7, sleepMs: 1 };
        },
      };
      memory.sharer = sharer;
      return { name: "my-sharer", kind: "sharing", periodUs: 0, work: () => {}, reclaim: () => 0 };
    },
  })();
}

describe("page sharing that is not KSM", () => {
  const allocations = [ksmtunedPolicy(), momKsmPolicy(), proxmoxKsmtunedPolicy()];

  it("is told by each controller in either slot, if it says that it is tunable", () => {
    for (const tuner of [ksmtuned(), momKsm(), proxmoxKsmtuned()]) {
      const told: ScanSpeed[] = [];
      const vmm = { ...kvm, memory: [tuner, ownSharer(true, told), hostSwap()] };
      expect(reasonToSkip(vmm, profile, { vms: 1 })).toBeUndefined();
      const { memory, mechanisms } = buildHost(vmm, FRAMES, profile);
      const vm = memory.addVm(FRAMES);
      for (let ppn = 0; ppn < 9000; ppn++) memory.write(vm, ppn, 1 + ppn);
      mechanisms[0].work();
      // Ten percent are free, less than a fifth: 300 pages more than none, and MOM's than the 7 that are set.
      const pagesToScan = tuner.definition.name === "mom-ksm" ? 307 : 300;
      expect(told).toMatchObject([{ run: true, pagesToScan }]);
    }
    for (const allocation of allocations) {
      const told: ScanSpeed[] = [];
      const vmm = { ...kvm, allocation, memory: [ownSharer(true, told), hostSwap()] };
      expect(reasonToSkip(vmm, profile, { vms: 1 })).toBeUndefined();
      const one = buildHost(vmm, FRAMES, profile);
      const vm = one.memory.addVm(FRAMES);
      for (let ppn = 0; ppn < 9000; ppn++) one.memory.write(vm, ppn, 1 + ppn);
      one.allocation.rebalance(0);
      expect(told).toHaveLength(1);
    }
  });

  it("is nobody's to tell without that", () => {
    const memory = [ownSharer(false, []), hostSwap()];
    expect(reasonToSkip({ ...kvm, memory: [ksmtuned(), ...memory] }, profile, { vms: 1 })).toBe(
      "kvm has ksmtuned, which does nothing without tunable page sharing",
    );
    for (const allocation of allocations) {
      expect(reasonToSkip({ ...kvm, memory, allocation }, profile, { vms: 1 })).toContain(
        "tells page sharing how fast to scan; expected page sharing that can be told",
      );
    }
  });
});

it("on a host, equal guests are merged only where the tuner lets KSM run", () => {
  const stream = new OperationStreamBuilder().finish();
  const idle = { name: "idle", guest: FULL_GUEST, stream, durationUs: 300e6, warmupUs: 0 };
  const saved = (frames: number, memory: readonly Part<"memory">[]): number =>
    runHost({ ...kvm, memory }, profile, [idle, idle], frames).metrics.memory_shared_saved_mib;
  // Two guests with all their memory in use on a host with room for three: a third is free, more than a fifth.
  expect(saved(3 * 4096, [ksmtuned(), ksm(), hostSwap()])).toBe(0);
  // With room for a little more than two, KSM runs: batches of 300 pages every 5 s at first, of 1250 after three minutes.
  expect(saved(2 * 4096 + 100, [ksmtuned(), ksm(), hostSwap()])).toBeGreaterThan(0);
  expect(saved(3 * 4096, [ksm(), hostSwap()])).toBeGreaterThan(10);
});
