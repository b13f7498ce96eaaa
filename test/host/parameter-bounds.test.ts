/**
 * Parameters of parts at their ends, and far beyond the default where they have none, drawn at random: what their own rules allow can
 * be simulated, on small hosts short of memory and trap by trap. No cycle is lost. An end that contradicts the default of another
 * parameter is left out, and so is a part that fits no VMM of the package.
 */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { packagedMachines } from "../../src/experiment/packaged-machines.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { HostSimulation } from "../../src/sim/host-simulation.ts";
import { measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { microbenchmarks } from "../../src/sim/microbenchmarks/catalogue.ts";
import { reasonToSkip } from "../../src/sim/reason-to-skip.ts";
import { composeVmm } from "../../src/vmm/compose.ts";
import type { Parameter, PartDefinition, Vmm } from "../../src/vmm/contract.ts";
import { PARTS } from "../../src/vmm/parts.ts";
import { VMMS } from "../../src/vmm/registry.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { checkFrames, SMALL_GUEST } from "./fixtures.ts";

const MACHINES = packagedMachines().filter(({ name }) => ["x86-64-server", "xeon-2.4-sosp03"].includes(name));
const OPERATIONS = [
  /^fork[-_](proc|exit$)/,
  /^page-fault$|^prot_fault$/,
  /^tcp-transmit-1500$/,
  /^tcp-receive-500$/,
  /^disk-write-sequential$/,
];
const BEYOND = 1000;
const DURATION_US = 6e6;

function ends(parameter: Parameter): readonly (number | boolean)[] {
  const { default: usual, choices, min = 0, max, unit } = parameter;
  if (typeof usual === "boolean") return [!usual];
  if (choices !== undefined) return [choices[0], choices[choices.length - 1]];
  const most = max ?? Math.max(1, usual) * BEYOND;
  // Memory of a GiB and more takes its time, and nothing else.
  return [min, unit === "MiB" ? Math.min(most, 1024) : most];
}

/** A VMM of the package, from the `first` on, with the part at that value, and a machine that it can be simulated on. */
function hostFor(
  { slot, name }: PartDefinition,
  key: string,
  value: number | boolean,
  vms: number,
  first: number,
): readonly [Vmm, MachineProfile] | undefined {
  const changes = {
    [slot === "memory" ? `memory.${name}` : slot]: slot === "memory" ? { [key]: value } : { [name]: { [key]: value } },
  };
  for (const base of [...VMMS.slice(first), ...VMMS.slice(0, first)]) {
    const { vmm, problems } = composeVmm(base, changes, PARTS);
    if (problems.length > 0) continue;
    const profile = MACHINES.find((machine) => reasonToSkip(vmm, machine, { vms }) === undefined);
    if (profile !== undefined) return [vmm, profile];
  }
  return undefined;
}

/** Pages are read, written and moved; files, too; packets go. */
function workload(seed: number) {
  const stream = new OperationStreamBuilder();
  for (let i = 0; i < 100; i++) {
    stream.add(Op.Request, 0, 0, 0);
    for (let page = 0; page < 40; page++)
      stream.add(Op.Touch, (seed + 37 * i + 11 * page) % 1500, page % 3 === 0 ? 1 : 0, page % 5);
    stream.add(Op.ReadFile, (53 * i) % 900, 30, 0);
    stream.add(Op.WriteFile, (91 * i) % 900, 12, i % 4 === 0 ? 1 : 0);
    stream.add(Op.Send, 20_000);
    stream.add(Op.Receive, 3000);
    stream.add(Op.Compute, 20_000_000);
  }
  const guest = {
    ...SMALL_GUEST,
    anonymousPages: 1600,
    residentAnonymousPages: 1200,
    filePages: 1000,
    swapPages: 2000,
    threads: 2,
  };
  return { name: `guest${seed}`, guest, stream: stream.finish(), durationUs: DURATION_US, warmupUs: 0 };
}

const CYCLES = { "guest.kernel": 900 };
const PRICES = Object.fromEntries(
  [
    "page-fault",
    "file-fault",
    "read-file-page",
    "write-file-page",
    "disk-read",
    "disk-write",
    "send-packet",
    "receive-packet",
  ].map((name) => [name, { frontend: CYCLES, backend: {} }]),
);
const WORKLOADS = [0, 700].map(workload);
const PAGES = WORKLOADS.reduce((sum, { guest }) => sum + guest.memoryPages, 0);

const cases = PARTS.flatMap((part) =>
  Object.entries(part.parameters).flatMap(([key, parameter]) => ends(parameter).map((value) => ({ part, key, value }))),
);
type Case = (typeof cases)[number];
const base = fc.nat(VMMS.length - 1);

function runHost({ part, key, value }: Case, percent: number, first: number): void {
  const found = hostFor(part, key, value, WORKLOADS.length, first);
  if (found === undefined) return;
  const [vmm, profile] = found;
  const hostPages = Math.round((PAGES * percent) / 100);
  const simulation = new HostSimulation({ vmm, profile, workloads: WORKLOADS, hostPages, measure: () => PRICES });
  simulation.run();
  checkFrames(simulation.host);
  const cycles = Object.values(simulation.ledger.cyclesByCause());
  expect(cycles.filter((each) => !Number.isSafeInteger(each) || each < 0)).toEqual([]);
  expect(cycles.reduce((sum, each) => sum + each, 0)).toBe(DURATION_US * profile.megahertz * profile.cores);
}

it("can be simulated on a host", () => {
  fc.assert(
    fc.property(fc.constantFrom(...cases), fc.integer({ min: 35, max: 100 }), base, (one, percent, first) => {
      runHost(one, percent, first);
    }),
    { numRuns: 40 },
  );
});

it("can be simulated trap by trap", () => {
  const monitored = cases.filter(({ part }) => ["cpu", "mmu", "disk", "network"].includes(part.slot));
  fc.assert(
    fc.property(
      fc.constantFrom(...monitored),
      fc.constantFrom(...OPERATIONS),
      base,
      ({ part, key, value }, operation, first) => {
        const found = hostFor(part, key, value, 1, first);
        if (found === undefined) return;
        const [vmm, profile] = found;
        const benchmark = microbenchmarks(profile).find((each) => operation.test(each.name));
        if (benchmark === undefined) throw new Error(`no benchmark ${operation.source}`);
        const { cost, ledger } = measureMicrobenchmark(benchmark, vmm, profile);
        expect(cost).toBeGreaterThan(0);
        expect(Object.values(ledger).reduce((sum, each) => sum + each, 0)).toBeCloseTo(cost, 3);
      },
    ),
    { numRuns: 40 },
  );
});
