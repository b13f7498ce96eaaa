/** Adams and Agesen 2006: nanobenchmarks, forkwait, compilations and computation; the web server is in asplos06-apache.ts. */
import type { MeasuredCost } from "../../sim/microbenchmarks/microbenchmark.ts";
import { CORE, P4, row, SOURCE, type System, SYSTEMS, VMMS } from "./asplos06-systems.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const PARTLY =
  "the costs of the nanobenchmarks, whose loops find VMM and caches warm, times the faults and traced writes counted here " +
  "explain a part of what is added; no cache is modelled, nor the kernel's own accesses through shadow tables";
function operation(bench: Bench, machine: string, system: System, name: string): MeasuredCost {
  return bench.operation(machine, VMMS[system], name);
}

function elapsedSeconds(bench: Bench, machine: string, system: System, workload: string): number {
  return bench.workload(machine, VMMS[system], workload).metrics.elapsed_ms / 1000;
}

/** Section 6.3, cycles on the Pentium 4. Which of the figures a number of the machine profile was derived from. */
const NANOBENCHMARKS: readonly {
  readonly published: string;
  readonly operation: string;
  readonly calibrated: readonly System[];
  readonly reasons?: Partial<Record<System, string>>;
}[] = [
  { published: "syscall", operation: "syscall", calibrated: ["native", "bt"] },
  { published: "in-port-0x80", operation: "in", calibrated: ["native", "vt"] },
  { published: "cr8-write", operation: "cr8wr", calibrated: ["native", "bt", "vt"] },
  { published: "call-ret", operation: "callret", calibrated: ["native", "bt"] },
  { published: "pgfault-true-fault", operation: "pgfault", calibrated: ["native", "bt", "vt"] },
  { published: "divzero", operation: "divzero", calibrated: ["native", "bt", "vt"] },
  {
    published: "ptemod-present-bit-unchanged",
    operation: "ptemod-unchanged",
    calibrated: ["bt", "vt"],
    reasons: { native: "one price for a store, whether or not the loop around it waits for it" },
  },
  { published: "ptemod-p-np", operation: "ptemod-clear", calibrated: ["native", "bt"] },
  { published: "ptemod-np-p", operation: "ptemod-set", calibrated: ["bt", "vt"] },
];

function nanobenchmarks(): ValidationRow[] {
  return NANOBENCHMARKS.flatMap(({ published, operation: name, calibrated, reasons }) =>
    row(`nano.${published}`, (bench, system) => operation(bench, P4, system, name).cost, calibrated, reasons),
  );
}

/**
 * Section 3.2, ways to execute rdtsc, which are taken as the prices of what leads to the same: a trap (of the division here), a
 * call-out (for the load of CR3 in a switch) and emulation in the translation cache (of a port).
 */
const WAYS_TO_EMULATE = [
  { published: "trap", operation: "divzero", causes: ["hardware.trap", "vmm.trap"] },
  { published: "callout", operation: "2p/0K", causes: ["vmm.translation.callout"] },
  { published: "intc", operation: "in", causes: ["vmm.translation"] },
] as const;

function waysToEmulate(): ValidationRow[] {
  return WAYS_TO_EMULATE.map(({ published, operation: name, causes }) => ({
    id: `aa06.text.rdtsc.${published}`,
    role: "calibration",
    simulate: (bench) => {
      const { ledger, events } = operation(bench, P4, "bt", name);
      return causes.reduce((sum, cause) => sum + ledger[cause] / events[cause], 0);
    },
  }));
}

const FORKS = 40_000;

function forkwaitMicroseconds(bench: Bench, machine: string, system: System): number {
  return operation(bench, machine, system, "forkwait").cost / bench.profile(machine).megahertz;
}

/** All are calibration: natively, a path length comes from it; the other four settled which shadows are kept (see asplos06-systems.ts). */
function forkwait(): ValidationRow[] {
  return [
    { machine: P4, suffix: "p4" },
    { machine: CORE, suffix: "core" },
  ].flatMap(({ machine, suffix }) =>
    row(`forkwait.${suffix}`, (bench, system) => (FORKS * forkwaitMicroseconds(bench, machine, system)) / 1e6, SYSTEMS),
  );
}

/** The same per iteration, as the collection derives it. */
function forkwaitIterations(): ValidationRow[] {
  const names: Record<System, string> = { native: "native", bt: "bt", vt: "vt-x" };
  return [
    { machine: P4, suffix: "p4" },
    { machine: CORE, suffix: "core" },
  ].flatMap(({ machine, suffix }) =>
    SYSTEMS.map(
      (system): ValidationRow => ({
        id: `derived.forkwait.${names[system]}-${suffix}`,
        role: "calibration",
        group: `derived.forkwait.${suffix}`,
        simulate: (bench) => forkwaitMicroseconds(bench, machine, system),
      }),
    ),
  );
}

/** The workloads are 24 of 860 compilations. */
const COMPILATIONS = 860;
const COMPILED = 24;

function kernelBuild(): ValidationRow[] {
  return [
    { machine: P4, name: "kcompile.p4", workload: "asplos-kernel-build" },
    { machine: CORE, name: "kcompile.core", workload: "asplos-kernel-build-core2" },
  ].flatMap(({ machine, name, workload }) =>
    row(
      name,
      (bench, system) => (elapsedSeconds(bench, machine, system, workload) * COMPILATIONS) / COMPILED,
      ["native"],
      { bt: PARTLY, vt: PARTLY },
    ),
  );
}

/** Section 6.1, seconds natively: what the slow-down of a stretch of such a program is applied to. */
const SPECINT_SECONDS = {
  gzip: 130,
  vpr: 136,
  gcc: 67.5,
  mcf: 257,
  crafty: 62.7,
  parser: 180,
  eon: 94,
  perlbmk: 115,
  gap: 71.4,
  vortex: 113,
  bzip2: 114,
  twolf: 198,
} as const;
const SPECJBB_NATIVE = 9608;
const VIRTUAL: readonly System[] = ["bt", "vt"];

function slowdown(bench: Bench, system: System): number {
  return elapsedSeconds(bench, P4, system, "asplos-spec-int") / elapsedSeconds(bench, P4, "native", "asplos-spec-int");
}

/** The native score, at the rate of a VMM. */
function operationsPerSecond(bench: Bench, system: System): number {
  const [virtual, native] = ([system, "native"] as const).map(
    (each) => bench.workload(P4, VMMS[each], "asplos-spec-jbb").metrics.throughput_rps,
  );
  return (SPECJBB_NATIVE * virtual) / native;
}

function computation(): ValidationRow[] {
  const components = Object.entries(SPECINT_SECONDS).flatMap(([name, seconds]) =>
    row(`specint.${name}`, (bench, system) => seconds * slowdown(bench, system), [], {}, VIRTUAL),
  );
  return [...components, ...row("specjbb", operationsPerSecond, [], {}, VIRTUAL)];
}

/**
 * Figure 5: more than a million writes of page-table entries in boot and halt of Windows. How many system calls, returns, ports
 * and instructions translated the other bars stand for, the paper does not say.
 */
const BOOT_ENTRY_WRITES = 1e6;

function windowsBoot(): ValidationRow[] {
  return VIRTUAL.map((system) => ({
    id: `aa06.f5.${system}.ptemod`,
    role: "prediction",
    simulate: (bench) => {
      const extra =
        operation(bench, P4, system, "ptemod-unchanged").cost - operation(bench, P4, "native", "ptemod-unchanged").cost;
      return (BOOT_ENTRY_WRITES * extra) / (bench.profile(P4).megahertz * 1e6);
    },
  }));
}

export const asplos06: ValidationSet = {
  name: "aa06",
  source: SOURCE,
  rows: [
    ...nanobenchmarks(),
    ...waysToEmulate(),
    ...forkwait(),
    ...forkwaitIterations(),
    ...kernelBuild(),
    ...computation(),
    ...windowsBoot(),
  ],
};
