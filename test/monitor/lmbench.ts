/**
 * The rows of lmbench 3.0-a3 in Barham et al. 2003, Tables 3 to 5, as operation streams. What the paper doesn't say is
 * inferred: how many pages the programs visit from the Xen column (1.31 us a page fault), the shell's own work from the
 * native one. `mmap lat` touches 45 pages (an 8 MB file, every fourth page of its first tenth).
 */
import { runMonitor } from "../../src/sim/monitor.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import { Op, OperationStreamBuilder, SYSTEM_CALLS } from "../../src/workload/operation-stream.ts";

const HELLO_PAGES = 100;
const SHELL_PAGES = 375;
/** User code of the shell itself. */
const SHELL_CYCLES = 5_900_000;
/** Heap pages that the child writes before it exits, and its parent after that. */
const FORK_TOUCHES = 8;
const HEAP_PAGES = 40;

const SHAPE: GuestShape = {
  memoryPages: 16_384,
  kernelPages: 1024,
  processes: 16,
  anonymousPages: HEAP_PAGES,
  residentAnonymousPages: HEAP_PAGES,
  filePages: 2048,
  residentFilePages: 2048,
  swapPages: 1024,
  threads: 1,
};

export interface LmbenchRow {
  readonly name: string;
  /** Microseconds: native (L-UP), Xen, VMware Workstation 3.2. */
  readonly published: { readonly native: number; readonly "xen-pv": number; readonly esx: number };
  /** Whether a primitive cost or a path length was calibrated on the figure of a VMM; the others are predictions. */
  readonly calibrated: readonly string[];
  /** Operations whose cycles count, and how many iterations they make up. */
  readonly counted: readonly string[];
  readonly iterations: number;
  build(builder: OperationStreamBuilder): void;
}

const ROUNDS = 20;

function syscallRow(
  kind: (typeof SYSTEM_CALLS)[number],
  native: number,
  xen: number,
  vmware: number,
  calibrated: string[],
): LmbenchRow {
  return {
    name: kind,
    published: { native, "xen-pv": xen, esx: vmware },
    calibrated: ["native", "esx", ...calibrated],
    counted: [`syscall:${kind}`],
    iterations: ROUNDS,
    build: (builder) => builder.add(Op.Syscall, SYSTEM_CALLS.indexOf(kind), ROUNDS),
  };
}

function switchRow(
  processes: number,
  kilobytes: number,
  native: number,
  xen: number,
  vmware: number,
  calibrated: string[],
): LmbenchRow {
  const switches = ROUNDS * processes;
  return {
    name: `${processes}p/${kilobytes}K`,
    published: { native, "xen-pv": xen, esx: vmware },
    calibrated,
    counted: ["switch", "touch"],
    iterations: switches,
    build: (builder) => {
      for (let turn = 0; turn < switches; turn++) {
        builder.add(Op.Switch, turn % processes);
        for (let page = 0; page < kilobytes / 4; page++) builder.add(Op.Touch, page, 1);
      }
    },
  };
}

function processRow(name: string, published: LmbenchRow["published"], build: LmbenchRow["build"]): LmbenchRow {
  return {
    name,
    published,
    calibrated: ["native", "xen-pv"],
    counted: ["fork", "exec", "exit", "compute", "touch", "page-fault"],
    iterations: ROUNDS,
    build: (builder) => {
      for (let round = 0; round < ROUNDS; round++) build(builder);
    },
  };
}

function writeHeap(builder: OperationStreamBuilder): void {
  for (let page = 0; page < FORK_TOUCHES; page++) builder.add(Op.Touch, page, 1);
}

export const LMBENCH: readonly LmbenchRow[] = [
  syscallRow("null", 0.45, 0.46, 0.73, ["xen-pv"]),
  syscallRow("null-io", 0.5, 0.5, 0.83, []),
  syscallRow("stat", 1.28, 1.22, 1.88, []),
  syscallRow("open-close", 1.92, 1.88, 2.99, []),
  syscallRow("select", 5.7, 5.69, 11.1, []),
  {
    name: "signal-install",
    published: { native: 0.68, "xen-pv": 0.69, esx: 1.02 },
    calibrated: ["native"],
    counted: ["signal-install"],
    iterations: 1,
    build: (builder) => builder.add(Op.Signal, 0),
  },
  {
    name: "signal-handle",
    published: { native: 2.49, "xen-pv": 1.75, esx: 4.63 },
    calibrated: ["native"],
    counted: ["signal-handle"],
    iterations: 1,
    build: (builder) => builder.add(Op.Signal, 1),
  },
  processRow("fork", { native: 110, "xen-pv": 198, esx: 874 }, (builder) => {
    builder.add(Op.Fork);
    writeHeap(builder);
    builder.add(Op.Exit);
    writeHeap(builder);
  }),
  processRow("exec", { native: 530, "xen-pv": 768, esx: 2300 }, (builder) => {
    builder.add(Op.Fork);
    builder.add(Op.Exec, HELLO_PAGES);
    builder.add(Op.Exit);
    writeHeap(builder);
  }),
  processRow("sh", { native: 4000, "xen-pv": 4800, esx: 10_000 }, (builder) => {
    builder.add(Op.Fork);
    builder.add(Op.Exec, SHELL_PAGES);
    builder.add(Op.Compute, SHELL_CYCLES);
    builder.add(Op.Fork);
    builder.add(Op.Exec, HELLO_PAGES);
    builder.add(Op.Exit);
    builder.add(Op.Exit);
  }),
  switchRow(2, 0, 0.77, 1.97, 18.1, ["native", "xen-pv", "esx"]),
  switchRow(2, 16, 0.91, 2.22, 17.6, []),
  switchRow(8, 16, 1.03, 3.07, 22.4, []),
  {
    name: "mmap",
    published: { native: 68, "xen-pv": 139, esx: 620 },
    calibrated: ["xen-pv", "esx"],
    counted: ["mmap", "munmap", "page-fault", "touch"],
    iterations: ROUNDS,
    build: (builder) => {
      for (let round = 0; round < ROUNDS; round++) {
        builder.add(Op.Mmap, 1024, 2048, 1);
        for (let touch = 0; touch < 45; touch++) builder.add(Op.Touch, 1024 + 4 * touch, 1);
        builder.add(Op.Munmap, 1024, 2048);
      }
    },
  },
  {
    name: "prot-fault",
    published: { native: 1.06, "xen-pv": 1.4, esx: 7.53 },
    calibrated: ["native", "xen-pv", "esx"],
    counted: ["page-fault"],
    iterations: ROUNDS,
    build: (builder) => {
      builder.add(Op.Mprotect, 0, 1, 0);
      for (let round = 0; round < ROUNDS; round++) builder.add(Op.Touch, 0, 1);
    },
  },
  {
    name: "page-fault",
    published: { native: 1.42, "xen-pv": 2.73, esx: 12.4 },
    calibrated: ["native", "xen-pv", "esx"],
    counted: ["page-fault"],
    iterations: 512,
    build: (builder) => {
      // The first page brings the page table with it and is not counted.
      builder.add(Op.Mmap, 1024, 1024, 1);
      for (let touch = 0; touch < 512; touch++) builder.add(Op.Touch, 1024 + touch, 0);
    },
  },
];

/** Simulated microseconds of one iteration. */
export function simulateRow(row: LmbenchRow, vmm: Vmm, profile: MachineProfile): number {
  const builder = new OperationStreamBuilder();
  row.build(builder);
  const workload: CompiledWorkload = {
    name: row.name,
    guest: SHAPE,
    stream: builder.finish(),
    durationUs: 0,
    warmupUs: 0,
  };
  const { operations = {} } = runMonitor(vmm, profile, workload);
  let cycles = 0;
  for (const name of row.counted) {
    for (const amount of Object.values(operations[name]?.cycles ?? {})) cycles += amount;
  }
  return cycles / row.iterations / profile.megahertz;
}
