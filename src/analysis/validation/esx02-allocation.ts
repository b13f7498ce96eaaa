/**
 * Waldspurger 2002, Figures 6 to 8: estimated active memory, the idle memory tax, and five servers on a host that is too
 * small for them.
 */
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { dbench, DBENCH_RUNS } from "./esx02-dbench.ts";
import { idleWindows, bootingServers, toucher, type TouchedMib } from "./esx02-guests.ts";
import { MACHINE, SOURCE } from "./esx02-machine.ts";
import { mean, most, rowsOf, type SeriesRow } from "./host-series.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const END_OF_PROGRAM_MINUTE = 27.5;
const TOUCHED: TouchedMib = [
  [8.5, 50],
  [10.5, 150],
  [12.5, 200],
  [14.5, 250],
  [18, 200],
  [19.5, 100],
  [21.5, 200],
  [23.5, 150],
  [END_OF_PROGRAM_MINUTE, 0],
];
const END_MINUTE = 40;

function estimates(bench: Bench): readonly SeriesRow[] {
  const host = { machine: MACHINE, vmm: "esx", mib: 1300, guests: touchers };
  return rowsOf(bench.memory("toucher", host));
}

/** VMs have rows of their own where they differ. */
function touchers(): readonly CompiledWorkload[] {
  return [toucher("toucher", END_MINUTE, TOUCHED), toucher("another", END_MINUTE, [[0, 10]])];
}

function estimate(bench: Bench, minute: number): number {
  return estimates(bench)[Math.round(60 * minute)].vm0_active_mib;
}

const SERVICES_MIB = 15;

/** Minutes from the end of the program until 10 MB are left of what it touched. */
function fall(bench: Bench): number {
  const rows = estimates(bench);
  const end = 60 * END_OF_PROGRAM_MINUTE;
  const at = rows.findIndex((row, second) => second > end && row.vm0_active_mib <= SERVICES_MIB + 10);
  return (at < 0 ? rows.length : at) / 60 - END_OF_PROGRAM_MINUTE;
}

const BY_EYE = "read off the figure by eye; what the program's memory has besides the steps is not known";

const SAMPLING: readonly ValidationRow[] = [
  {
    id: "esx02.f6.peak",
    role: "prediction",
    simulate: (bench) => Math.max(...estimates(bench).map((row) => row.vm0_active_mib)),
    reason: BY_EYE,
  },
  { id: "esx02.f6.plateau.50", role: "prediction", simulate: (bench) => estimate(bench, 10.4) },
  { id: "esx02.f6.plateau.150", role: "prediction", simulate: (bench) => estimate(bench, 12.4) },
  { id: "esx02.f6.plateau.200", role: "prediction", simulate: (bench) => estimate(bench, 14.4) },
  { id: "esx02.f6.fall", role: "calibration", simulate: fall, reason: BY_EYE },
];

/** dbench begins anew whenever it is done: two and a half times at the least. */
const TAX_SECONDS = 900;
/** With the 6 % that is kept free: what is left for two VMs that have 179 MB each. */
const TAX_HOST_MIB = (2 * 179) / 0.94;

interface Taxed {
  readonly late: readonly SeriesRow[];
  /** For which the second dbench takes; memory is where it belongs by then. */
  readonly seconds: number;
}

function taxed(bench: Bench, idleMemoryTax: number): Taxed {
  const { megahertz } = bench.profile(MACHINE);
  const outcome = bench.memory("idle and dbench", {
    machine: MACHINE,
    vmm: { esx: { "allocation.proportional-shares": { idleMemoryTax } } },
    mib: TAX_HOST_MIB,
    guests: () => [idleWindows(TAX_SECONDS), dbench({ megahertz })],
  });
  const rows = rowsOf(outcome);
  const [first, second] = [1, 2].map((times) => secondOf(rows, times * DBENCH_RUNS));
  return { late: rows.slice(TAX_SECONDS / 2), seconds: second - first };
}

/** When so many requests are done: those of the idle VM, one a second, among them. */
function secondOf(rows: readonly SeriesRow[], requests: number): number {
  let done = 0;
  const at = rows.findIndex((row) => (done += row.throughput_rps - 1) >= requests);
  if (at < 0) throw new RangeError(`${requests} requests in ${rows.length} s`);
  return at;
}

const TAX = 0.75;
const IDLE_COST = 1 / (1 - TAX);

function machine(bench: Bench, vm: number, tax: number): number {
  return mean(taxed(bench, tax).late, `vm${vm}_machine_mib`);
}

function active(bench: Bench, vm: number, tax: number): number {
  return mean(taxed(bench, tax).late, `vm${vm}_active_mib`);
}

/** Section 5.2: an idle page costs as much as four active ones. What a VM pays, in MB. */
function paid(bench: Bench, vm: number): number {
  const used = active(bench, vm, TAX);
  return used + IDLE_COST * (machine(bench, vm, TAX) - used);
}

const IDLE_TAX: readonly ValidationRow[] = [
  {
    id: "esx02.f7.alloc.tax0",
    role: "calibration",
    simulate: (bench) => (machine(bench, 0, 0) + machine(bench, 1, 0)) / 2,
  },
  { id: "esx02.f7.vm1.tax75", role: "prediction", group: "f7.tax75", simulate: (bench) => machine(bench, 0, TAX) },
  { id: "esx02.f7.vm2.tax75", role: "prediction", group: "f7.tax75", simulate: (bench) => machine(bench, 1, TAX) },
  { id: "esx02.f7.vm1.used", role: "prediction", group: "f7.used", simulate: (bench) => active(bench, 0, TAX) },
  { id: "esx02.f7.vm2.used", role: "prediction", group: "f7.used", simulate: (bench) => active(bench, 1, TAX) },
  { id: "esx02.f7.vm2.used0", role: "prediction", simulate: (bench) => active(bench, 1, 0) },
  {
    id: "esx02.f7.gain",
    role: "prediction",
    simulate: (bench) => 100 * (taxed(bench, 0).seconds / taxed(bench, TAX).seconds - 1),
    reason:
      "the source says at least 30; dbench does what its load file says, but the disk is assumed, and pages are replaced as in later " +
      "versions of Linux 2.4",
  },
  { id: "esx02.f7.balance", role: "prediction", simulate: (bench) => paid(bench, 0) / paid(bench, 1) },
];

const BOOT_SECONDS = 1020;
/** Pages a second by which a file cache grows, 0.25 MB: assumed. */
const CACHED = 64;
const BOOTED_SECOND = 90;
const LATER_SECOND = 120;
/** 160 MB of overhead (esx02.f8.overhead) and 24 MB of vmkernel (esx2.size.virtualization-layer). */
const BOOT_HOST_MIB = 1024 - 160 - 24;

function bootingGuests(): readonly CompiledWorkload[] {
  return bootingServers(BOOT_SECONDS, CACHED);
}

function servers(bench: Bench): readonly SeriesRow[] {
  const host = { machine: MACHINE, vmm: "esx", mib: BOOT_HOST_MIB, guests: bootingGuests };
  return rowsOf(bench.memory("booting servers", host));
}

const boot = (bench: Bench): readonly SeriesRow[] => servers(bench).slice(0, BOOTED_SECOND);
const later = (bench: Bench): readonly SeriesRow[] => servers(bench).slice(LATER_SECOND);

/** Memory of guests that is in frames, shared ones as often as they are mapped. */
function allocated(row: SeriesRow): number {
  return row.memory_private_mib + row.memory_shared_mib + row.memory_shared_saved_mib;
}

const WHEN =
  "when the VMs load what, and which of it they use after the boot, is assumed. Those of the source had come to 1,200 of their 1,472 MB when " +
  "they had most, and a tenth of what did not fit was not zero; here they zero all of it before they load anything";

const SERVERS: readonly ValidationRow[] = [
  {
    id: "esx02.f8.bootzero",
    role: "prediction",
    simulate: (bench) => most(boot(bench), "memory_shared_saved_mib"),
    reason: WHEN,
  },
  {
    id: "esx02.f8.bootswap",
    role: "prediction",
    simulate: (bench) => most(boot(bench), "memory_host_swapped_mib"),
    reason: WHEN,
  },
  {
    id: "esx02.f8.laterswap",
    role: "prediction",
    simulate: (bench) => most(later(bench), "memory_host_swapped_mib"),
    reason: WHEN,
  },
  {
    id: "esx02.f8.peakalloc",
    role: "prediction",
    simulate: (bench) => Math.max(...servers(bench).map(allocated)),
    reason: WHEN,
  },
  {
    id: "esx02.f8.steadyshare",
    role: "prediction",
    simulate: (bench) => mean(later(bench).slice(-60), "memory_shared_saved_mib"),
    reason: WHEN,
  },
  {
    id: "esx02.f8.sqlmin",
    role: "prediction",
    simulate: (bench) => Math.min(...later(bench).map((row) => row.vm4_machine_mib)),
  },
];

export const esx02Allocation: ValidationSet = {
  name: "esx02",
  source: SOURCE,
  rows: [...SAMPLING, ...IDLE_TAX, ...SERVERS],
};
