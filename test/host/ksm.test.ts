import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PendingCharges } from "../../src/core/pending-charges.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { readInputFile } from "../../src/experiment/input-files.ts";
import { runHost } from "../../src/sim/host.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { adviseKsm, INITIAL_ADVICE } from "../../src/vmm/memory/ksm-advisor.ts";
import { ksm, type KsmParameters } from "../../src/vmm/memory/ksm.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { parseFingerprints } from "../../src/workload/readers/fingerprints.ts";
import { committed, type KsmRunsTruth, readJson } from "../inputs/data-files.ts";
import { buildHost, idleGuest } from "./fixtures.ts";

const { profile } = loadMachine("machines/x86-64-server.yaml");
const COSTS = profile.costs;
const SWAPPING = [hostSwap()];

/** A host of KVM's with one VM of the given contents and KSM at work on it. */
function hostWith(contents: readonly number[], parameters: Partial<KsmParameters> = {}) {
  const host = buildHost({ ...kvm, memory: [ksm(parameters), ...SWAPPING] }, contents.length, profile);
  const vm = host.memory.addVm(contents.length);
  contents.forEach((content, ppn) => host.memory.write(vm, ppn, content));
  return { ...host, vm, scanner: host.mechanisms[0] };
}

/** What a batch costs, in cycles. */
function batch({ memory, scanner }: ReturnType<typeof hostWith>): number {
  memory.payer = new PendingCharges();
  scanner.work();
  return memory.payer.total;
}

describe("KSM as a part of a VMM", () => {
  it("pays for a checksum a visit, for comparing equal pages, and for each mapping it replaces", () => {
    const host = hostWith([1, 1, 2, 1], { pagesToScan: 4 });
    expect(batch(host)).toBe(4 * COSTS["page.hash"]);
    // The second page pairs up with the first, whose mapping is replaced, too; the fourth joins them. Comparisons: of the
    // second page with the first, in the unstable tree; of the third and the fourth with the shared frame.
    const comparisons = 3 * COSTS["page.compare"] + 3 * COSTS["page.map"];
    // The first batch ended with the last page, not with the pass, which this one ends.
    expect([batch(host), batch(host), batch(host)]).toEqual([0, 4 * COSTS["page.hash"] + comparisons, 0]);
    // Merged pages cost nothing; the third one is compared with the shared frame.
    expect(batch(host)).toBe(COSTS["page.hash"] + COSTS["page.compare"]);
    expect(host.memory.pagesScanned).toBe(12);
    expect(host.memory.frames.saved).toBe(2);
  });

  it("sleeps after each batch, which takes its time as well", () => {
    const host = hostWith([1, 2, 3, 4, 5], { pagesToScan: 4 });
    expect(host.scanner.periodUs).toBe(20_000);
    const cycles = batch(host);
    expect(cycles).toBeGreaterThan(0);
    expect(host.scanner.periodUs).toBe(20_000 + cycles / profile.megahertz);
  });

  it("is paid a copy for every write to a merged page, the last one's too, and keeps frames straight", () => {
    const host = hostWith([1, 1, 2], { pagesToScan: 100 });
    for (let pass = 0; pass < 2; pass++) batch(host);
    const { memory, vm } = host;
    memory.payer = new PendingCharges();
    memory.write(vm, 0, 3);
    memory.write(vm, 1, 4);
    expect(memory.cowBreaks).toBe(2);
    expect(memory.payer.total).toBe(2 * COSTS["page.cow-break"]);
    expect([memory.frames.private, memory.frames.shared, memory.frames.free]).toEqual([3, 0, 0]);
  });

  it("does not try to share a page that is swapped out", () => {
    const host = hostWith([1, 1]);
    expect(host.mechanisms[1].reclaim(host.vm, 2)).toBe(2);
    expect(host.memory.swapOuts).toBe(2);
  });

  it("keeps memory for the pages it tracks, 64 bytes each, besides that of VMs", () => {
    expect(hostWith(Array.from({ length: 6400 }, () => 1)).memory.frames.overhead).toBe(100);
  });

  it("leaves its rate to the advisor, who goes by the pass that is over", () => {
    const contents = Array.from({ length: 30_000 }, (_, ppn) => ppn);
    const host = hostWith(contents, { advisor: true, advisorScanTime: 100, pagesToScan: 7, smartScan: false });
    let [us, cycles, batches, scanned] = [0, 0, 0, 0];
    do {
      scanned = host.memory.pagesScanned;
      cycles += batch(host);
      us += host.scanner.periodUs;
      batches++;
    } while (host.memory.pagesScanned > scanned);
    // 60 batches of the initial 500, and one that finds the end.
    expect(batches).toBe(61);
    expect(host.memory.pagesScanned).toBe(30_000);
    const pass = { passSeconds: us / 1e6, cpuPercent: (100 * cycles) / profile.megahertz / us };
    const advice = adviseKsm({ targetSeconds: 100, maxCpuPercent: 70, maxPages: 30_000 }, pass, INITIAL_ADVICE);
    expect(advice.pagesToScan).not.toBe(500);
    batch(host);
    expect(host.memory.pagesScanned).toBe(30_000 + advice.pagesToScan);
  });
});

function idle(snapshot: string): CompiledWorkload {
  const path = join(committed, `${snapshot}.fp.gz`);
  return idleGuest(parseFingerprints(readInputFile(path).bytes, path));
}

describe("KSM on a host of KVM's with real guests", () => {
  const { runs } = readJson<KsmRunsTruth>(join(committed, "ksm-runs.json"));
  const run = (name: string) => runs.find(({ id }) => id === name) ?? runs[0];
  const PAGES = 65_536;

  /** Pages that sharing saves, at the end of each second. */
  function sharedSaved(id: string, parameters: Partial<KsmParameters>): number[] {
    const guests = run(id).vms.map(([snapshot]) => idle(snapshot));
    const vmm = { ...kvm, memory: [ksm(parameters)] };
    const { series = { columns: [], rows: [] } } = runHost(vmm, profile, guests, guests.length * PAGES, () => ({}));
    return series.rows.map((row) => row[series.columns.indexOf("memory_shared_saved_mib")] * 256);
  }

  it("that have been up for long has merged what a real kernel has, and goes on so", () => {
    const { pages_sharing } = run("S2a.max256").stages[0];
    expect(sharedSaved("S2a.max256", {})).toEqual([pages_sharing, pages_sharing, pages_sharing]);
  });

  it("and with the page of zeros in use, one page more", () => {
    const { pages_sharing, ksm_zero_pages } = run("S2a.zero").stages[0];
    const useZeroPages = { useZeroPages: true, maxPageSharing: 1e6 };
    expect(sharedSaved("S2a.zero", useZeroPages).at(-1)).toBe(pages_sharing + ksm_zero_pages);
  });

  it("that have just started merges nothing in 3 s at the kernel's rate, and all there is at a hundred times the rate", () => {
    const fresh = { scannedBeforeStart: false, maxPageSharing: 1e6 };
    // Two passes over 131,072 pages take 53 s at 5,000 pages a second.
    expect(sharedSaved("S2a.plain", fresh)).toEqual([0, 0, 0]);
    const { pages_sharing } = run("S2a.plain").stages[0];
    expect(sharedSaved("S2a.plain", { ...fresh, pagesToScan: 10_000 }).at(-1)).toBe(pages_sharing);
  });
});
