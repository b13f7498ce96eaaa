/**
 * Small hosts on which everything happens at once: guests that make more dirty pages than their kernels allow, full queues,
 * balloons, swapping, VMs that are moved away. Nothing hangs, no cycle is lost, and the same host does the same again.
 */
import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import type { CellOutcome } from "../../src/sim/cell.ts";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import { LookAhead } from "../../src/sim/look-ahead.ts";
import { esx } from "../../src/vmm/esx.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { ballooning } from "../../src/vmm/memory/ballooning.ts";
import { linuxSwap } from "../../src/vmm/memory/linux-swap.ts";
import { definePolicy } from "../../src/vmm/memory/policies/define-policy.ts";
import { linux } from "../../src/vmm/linux.ts";
import { workstation } from "../../src/vmm/workstation.ts";
import { xenHvm } from "../../src/vmm/xen-hvm.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { checkFrames, profile, SMALL_GUEST } from "./fixtures.ts";

const SECOND_US = 1e6;
/** Far longer than any of these hosts needs. */
const LONG_US = 100 * SECOND_US;

/** Moves the first VM away at a time. */
const evicting = definePolicy<{ atMs: number }, boolean>({
  name: "evicting",
  summary: "",
  side: "host",
  source: "",
  grade: "A",
  cadenceUs: SECOND_US / 50,
  balloons: false,
  signals: ["vm.actual"],
  parameters: { atMs: { summary: "", default: 0, unit: "ms", source: "" } },
  start: () => false,
  decide({ atMs }, { vms }, done, nowUs) {
    const isDue = !done && nowUs >= 1000 * atMs;
    return { actions: isDue ? [{ kind: "evict", vm: vms[0].name, rule: "test" }] : [], state: done || isDue };
  },
});

const VMMS: readonly Vmm[] = [
  linux,
  workstation,
  esx,
  xenPv,
  { ...xenPv, memory: [ballooning({ maxPercent: 65 })] },
  xenHvm,
  kvm,
  { ...kvm, memory: [ballooning(), linuxSwap()] },
  ...[20, 200, 500].map((atMs) => ({ ...kvm, allocation: evicting({ atMs }) })),
];

const MACHINES = [profile, loadMachine("machines/x86-64-server.yaml").profile];

const CYCLES = { "guest.kernel": 900 };
/** Round prices of what the guests do; the back end has a part in requests of Xen's guests. */
const prices = (vmm: Vmm) => () =>
  Object.fromEntries(
    ["page-fault", "file-fault", "read-file-page", "write-file-page", "disk-read", "disk-write", "timer-interrupt"].map(
      (name) => [
        name,
        {
          frontend: CYCLES,
          backend: name.startsWith("disk") && vmm.name.startsWith("xen") ? { "io.backend.driver": 7001 } : {},
        },
      ],
    ),
  );

const operation = fc.oneof(
  fc.record({
    op: fc.constant("write"),
    page: fc.nat(1800),
    pages: fc.integer({ min: 1, max: 190 }),
    sync: fc.boolean(),
  }),
  fc.record({ op: fc.constant("write"), page: fc.nat(1800), pages: fc.constant(190), sync: fc.constant(false) }),
  fc.record({ op: fc.constant("scatter"), page: fc.nat(1000), pages: fc.integer({ min: 400, max: 800 }) }),
  fc.record({ op: fc.constant("read"), page: fc.nat(1800), pages: fc.integer({ min: 1, max: 190 }) }),
  fc.record({ op: fc.constant("touch"), page: fc.nat(300), pages: fc.integer({ min: 1, max: 90 }) }),
  fc.record({ op: fc.constant("delete"), page: fc.nat(1800), pages: fc.integer({ min: 1, max: 800 }) }),
  fc.record({ op: fc.constant("compute"), page: fc.nat(3e6) }),
);
const guests = fc.record({
  memoryPages: fc.constantFrom(512, 1024, 3000),
  vcpus: fc.constantFrom(1, 1, 2),
  threads: fc.integer({ min: 1, max: 4 }),
  swapPages: fc.constantFrom(0, 64, 400),
  goodUs: fc.option(fc.nat(50_000), { nil: undefined }),
  requests: fc.array(fc.array(operation, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 15 }),
});
const hosts = fc.record({
  vmm: fc.nat(VMMS.length - 1),
  machine: fc.nat(MACHINES.length - 1),
  guests: fc.array(guests, { minLength: 1, maxLength: 3 }),
  percent: fc.integer({ min: 50, max: 110 }),
});
type Host = typeof hosts extends fc.Arbitrary<infer T> ? T : never;

function workloadOf({ memoryPages, vcpus, threads, swapPages, goodUs, requests }: Host["guests"][number], i: number) {
  const stream = new OperationStreamBuilder();
  for (const operations of requests) {
    stream.add(Op.Request, 0, 0, 0);
    for (const each of operations) {
      if (each.op === "compute") stream.add(Op.Compute, each.page);
      else if ("pages" in each && each.op === "delete") stream.add(Op.DeleteFile, each.page, each.pages);
      else if ("pages" in each && each.op === "touch") {
        for (let page = each.page; page < each.page + each.pages; page++) stream.add(Op.Touch, page, 1, 0);
      } else if ("pages" in each && each.op === "scatter") {
        for (let i = 0; i < each.pages; i++) stream.add(Op.WriteFile, each.page + 2 * i, 1, 0);
      } else if ("pages" in each) {
        const sync = "sync" in each && each.sync ? 1 : 0;
        stream.add(each.op === "read" ? Op.ReadFile : Op.WriteFile, each.page, each.pages, sync);
      }
    }
  }
  const shape = { ...SMALL_GUEST, memoryPages, vcpus, threads, swapPages, anonymousPages: 400, filePages: 2700 };
  const work: CompiledWorkload = {
    name: `guest${i}`,
    guest: shape,
    stream: stream.finish(),
    durationUs: LONG_US,
    warmupUs: 0,
    ...(goodUs !== undefined && { goodUs }),
  };
  return work;
}

function run({ vmm, machine, guests: descriptions, percent }: Host, durationUs: number): [CellOutcome, HostSimulation] {
  const workloads = descriptions.map((each, i) => ({ ...workloadOf(each, i), durationUs }));
  const configured = workloads.reduce((sum, { guest }) => sum + guest.memoryPages, 0);
  const pages = Math.round((configured * percent) / 100);
  const host = new HostSimulation({
    vmm: VMMS[vmm],
    profile: MACHINES[machine],
    workloads,
    hostPages: pages,
    measure: prices(VMMS[vmm]),
  });
  return [host.run(), host];
}

it("does all work, accounts for every cycle, and does the same again", () => {
  fc.assert(
    fc.property(hosts, (description) => {
      const [outcome, host] = run(description, LONG_US);
      checkFrames(host.host);
      expect(host.guests.every(({ finished }) => finished)).toBe(true);
      const cycles = Object.values(host.ledger.cyclesByCause());
      expect(cycles.filter((each) => !Number.isInteger(each))).toEqual([]);
      const { megahertz, cores } = MACHINES[description.machine];
      expect(cycles.reduce((sum, each) => sum + each, 0)).toBe(LONG_US * megahertz * cores);
      for (const { vm } of host.guests) if (vm.evicted) expect([vm.mapped, vm.swapped]).toEqual([0, 0]);
      const [, again] = run(description, LONG_US);
      expect(again.ledger.cyclesByCause()).toEqual(host.ledger.cyclesByCause());
      // Without an end it ends with the work; what a VM that is moved away had begun may still come to its end.
      const [short] = run(description, 0);
      if (!host.guests.some(({ vm }) => vm.evicted)) {
        expect(short.metrics.requests_done).toBe(outcome.metrics.requests_done);
      }
      expect(short.metrics.elapsed_ms).toBeLessThan(outcome.metrics.elapsed_ms);
    }),
    { numRuns: 20, seed: 7 },
  );
}, 120_000);

it("does the same without looking ahead", () => {
  fc.assert(
    fc.property(hosts, (description) => {
      const [looking] = run(description, LONG_US);
      const at = vi.spyOn(LookAhead.prototype, "at").mockImplementation(({ next }) => next + 1);
      const [blind] = run(description, LONG_US);
      at.mockRestore();
      expect(blind).toEqual(looking);
    }),
    { numRuns: 10, seed: 8 },
  );
}, 120_000);
