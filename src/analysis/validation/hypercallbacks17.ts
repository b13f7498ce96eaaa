/**
 * Amit, Wei and Tu 2017, Hypercallbacks: what code of a guest's takes that says whether a page can be dropped, and Table 2, in which
 * a VM of 2 GB is shrunk to 512 MB and then reads a file of 1 GB. Not held against is the hypercall that they quote from elsewhere
 * for a processor that they do not name.
 */
import { PendingCharges } from "../../core/pending-charges.ts";
import { RandomStream } from "../../core/random.ts";
import { SECOND_US } from "../../core/time.ts";
import type { SourcedNumber } from "../../experiment/documents/machine-numbers.ts";
import { CompressedSizes } from "../../machine/compressed-sizes.ts";
import { PAGES_PER_MIB as MIB } from "../../machine/page.ts";
import type { CellOutcome } from "../../sim/cell.ts";
import { runHost } from "../../sim/host.ts";
import { HostMemory } from "../../vmm/host-memory/host-memory.ts";
import { Worth } from "../../vmm/host-memory/discardable-pages.ts";
import { kvm } from "../../vmm/kvm.ts";
import { hypercallbacks } from "../../vmm/memory/hypercallbacks.ts";
import { linuxSwap } from "../../vmm/memory/linux-swap.ts";
import { definePolicy } from "../../vmm/memory/policies/define-policy.ts";
import { MIB as KIB_PER_MIB } from "../../vmm/memory/policies/policy-contract.ts";
import type { CompiledWorkload } from "../../workload/compiled-workload.ts";
import { Op, OperationStreamBuilder } from "../../workload/operation-stream.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const CALLBACK_MACHINE = "core2-asplos06";

/** Cycles of the guest's code for a page that it says this of. */
function callback(bench: Bench, worth: Worth): number {
  const memory = new HostMemory(bench.profile(CALLBACK_MACHINE), 1, new PendingCharges());
  const { definition, parameters } = hypercallbacks();
  definition.create(parameters, {
    profile: bench.profile(CALLBACK_MACHINE),
    memory,
    mechanisms: [],
    compressedSizes: new CompressedSizes(),
    random: (name) => new RandomStream(1, name),
  });
  const vm = memory.addVm(1);
  memory.write(vm, 0, 1);
  vm.discardable = { worthOf: () => worth, drop: () => undefined };
  const before = memory.payer.total;
  memory.discarder?.discard(vm, 0);
  return memory.payer.total - before;
}

const MACHINE = "x86-64-server";
const VM_MIB = 2048;
const SHRUNK_MIB = 512;
const FILE_MIB = 1024;
/** SysBench reads 16 KiB at a time; the kernel makes 128 KiB of it. */
const RUN_PAGES = 32;
/**
 * What a guest holds besides, which the source does not say: as much as one that has booted with nothing but base services, by its
 * own count (d12-idle-a of workloads/data: 9.5 MiB of processes, 37 of files, 81 the kernel's), and descriptors for 1.75 GiB more.
 */
const ANONYMOUS_MIB = 10;
const CACHED_MIB = 37;
const KERNEL_MIB = 81 + 28;
const SHRINK_AT_US = 5 * SECOND_US;
/** By then all that was to be swapped out is on the disk. */
const READ_AT_US = 60 * SECOND_US;
const RUN_US = 1000 * SECOND_US;

/** The disk, which the source does not name, is one that turns. */
const DISK = { positioningUs: 12_670, megabytesPerSecond: 130.5 };
const TIMES: readonly SourcedNumber[] = [
  {
    name: "disk.hypercallbacks17.positioning",
    value: DISK.positioningUs,
    unit: "us",
    kind: "derived",
    source: "as on p4-672-asplos06: half a turn at 7,200 a minute and a mean seek",
  },
  {
    name: "disk.hypercallbacks17.rate",
    value: DISK.megabytesPerSecond,
    unit: "MB/s",
    kind: "calibrated",
    source: "Amit et al. 2017, Table 2: 9.48 s for the file when the guest's cache has been dropped",
  },
];

/** From its time on the host lets each VM keep so much. */
const shrink = definePolicy<Record<string, never>, boolean>({
  name: "shrink",
  summary: "Each VM is shrunk once.",
  side: "host",
  source: "Amit et al. 2017, Table 2",
  grade: "P",
  cadenceUs: SHRINK_AT_US,
  balloons: false,
  countsOnSwap: true,
  signals: [],
  parameters: {},
  start: () => false,
  decide(_parameters, { vms }, isDone, nowUs) {
    if (isDone || nowUs < SHRINK_AT_US) return { actions: [], state: isDone };
    const actions = vms.map(
      ({ name }) => ({ kind: "cap", vm: name, kib: SHRUNK_MIB * KIB_PER_MIB, rule: "shrink" }) as const,
    );
    return { actions, state: true };
  },
});

/** Its files have been written before, and are in its cache. `durationUs` may end before it reads them. */
function fileReader(durationUs: number): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  stream.add(Op.Request, READ_AT_US / SECOND_US, 0, 0);
  for (let page = 0; page < FILE_MIB * MIB; page += RUN_PAGES) stream.add(Op.ReadFile, page, RUN_PAGES);
  const guest = {
    memoryPages: VM_MIB * MIB,
    kernelPages: KERNEL_MIB * MIB,
    processes: 1,
    anonymousPages: ANONYMOUS_MIB * MIB,
    residentAnonymousPages: ANONYMOUS_MIB * MIB,
    filePages: (FILE_MIB + CACHED_MIB) * MIB,
    residentFilePages: (FILE_MIB + CACHED_MIB) * MIB,
    swapPages: 0,
    threads: 1,
  };
  return { name: "file-reader", guest, stream: stream.finish(), durationUs, warmupUs: 0 };
}

const MECHANISMS = { swap: [linuxSwap()], hc: [hypercallbacks(), linuxSwap()] } as const;
type Table2 = keyof typeof MECHANISMS;

function run(bench: Bench, name: Table2, durationUs: number): CellOutcome {
  return bench.once(`hypercallbacks17 ${name} ${durationUs}`, () => {
    const vmm = { ...kvm, memory: MECHANISMS[name], allocation: shrink() };
    const profile = { ...bench.profile(MACHINE), disk: DISK };
    return runHost(vmm, profile, [fileReader(durationUs)], VM_MIB * MIB);
  });
}

/** Seconds until what was taken is on the disk: before the file is read the disk does nothing else. */
function reclamation(bench: Bench, name: Table2): number {
  const { disk_busy_percent, elapsed_ms } = run(bench, name, READ_AT_US).metrics;
  return ((disk_busy_percent / 100) * elapsed_ms) / 1000;
}

/** Seconds for the file. */
function reading(bench: Bench, name: Table2): number {
  const { requests_done, latency_mean_ms } = run(bench, name, RUN_US).metrics;
  return requests_done === 1 ? latency_mean_ms / 1000 : Infinity;
}

function callbackRow(name: string, worth: Worth): ValidationRow {
  return {
    id: `hypercallbacks17.cb.${name}`,
    role: "calibration",
    simulate: (bench) => callback(bench, worth),
  };
}

function tableRow(name: Table2, column: string, seconds: (bench: Bench, name: Table2) => number): ValidationRow {
  return {
    id: `hypercallbacks17.t2.${name}.${column}`,
    role: "prediction",
    group: `hypercallbacks17.t2.${column}`,
    simulate: (bench) => seconds(bench, name),
  };
}

const SEEKS =
  "the disk and its scheduler are not named. Here requests are served as they come, so that after every 32 pages read the head goes to where 32 are written; " +
  "a scheduler of Linux that lets a reader go on for a while would do that seldom";

export const hypercallbacks17: ValidationSet = {
  name: "hypercallbacks17",
  source: "Amit, Wei and Tu 2017, Hypercallbacks",
  times: TIMES,
  rows: [
    callbackRow("keep", Worth.Needed),
    callbackRow("cache", Worth.Cached),
    callbackRow("free", Worth.Free),
    { ...tableRow("hc", "runtime", reading), role: "calibration" },
    { ...tableRow("swap", "runtime", reading), reason: SEEKS },
    tableRow("hc", "reclaim", reclamation),
    tableRow("swap", "reclaim", reclamation),
  ],
};
