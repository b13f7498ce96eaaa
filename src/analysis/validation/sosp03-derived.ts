/**
 * Barham et al. 2003: what follows from two figures of a table or chart. What a VMM adds to a lmbench operation, and what it
 * leaves of an application's native performance. A row is a calibration where the VMM's own row is one.
 */
import { sosp03Applications } from "./sosp03-applications.ts";
import { sosp03Memory } from "./sosp03-memory.ts";
import { sosp03Processes } from "./sosp03-processes.ts";
import { SMALL_CACHES, sosp03Switches } from "./sosp03-switches.ts";
import { SOURCE } from "./sosp03-systems.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const ROWS = new Map(
  [sosp03Applications, sosp03Memory, sosp03Processes, sosp03Switches].flatMap(({ rows }) =>
    rows.map((row) => [row.id, row] as const),
  ),
);
/** The source of the differences leaves User-Mode Linux out. */
const VMMS = ["xen", "vmw"] as const;
/** Where the row itself is close and its difference to the native one is not. */
const REASONS: Readonly<Record<string, string>> = {
  "derived.xen.null-i-o":
    "the source gives hundredths of a microsecond, and 0.01 us is what Xen adds to any system call here",
};

/** Operations by the name they have in the ids of differences, and table and row they come from. */
const DIFFERENCES: Readonly<Record<string, readonly [table: string, row: string]>> = {
  "null-call": ["t3", "null-call"],
  "null-i-o": ["t3", "null-i-o"],
  "signal-handle": ["t3", "signal-handle"],
  fork: ["t3", "fork-proc"],
  exec: ["t3", "exec-proc"],
  sh: ["t3", "sh-proc"],
  "context-switch-2p-0k": ["t4", "2p-0k"],
  "context-switch-8p-16k": ["t4", "8p-16k"],
  "mmap-lat": ["t5", "mmap-lat"],
  "prot-fault": ["t5", "prot-fault"],
  "page-fault": ["t5", "page-fault"],
};

/** Figure 3; of a time, less is more performance. */
const APPLICATIONS: Readonly<Record<string, "rate" | "time">> = {
  "spec-int2000": "rate",
  "linux-2-4-21-build": "time",
  "osdb-ir": "rate",
  "osdb-oltp": "rate",
  dbench: "rate",
  "spec-web99": "rate",
};

function rowOf(id: string): ValidationRow {
  const row = ROWS.get(id);
  if (row === undefined) throw new Error(`there is no row "${id}"`);
  return row;
}

type Combination = (vmm: number, native: number) => number;

function combined(
  id: string,
  group: string,
  vmm: ValidationRow,
  native: ValidationRow,
  of: Combination,
): ValidationRow {
  const { role, reason = REASONS[id] } = vmm;
  const simulate = (bench: Bench): number => of(vmm.simulate(bench), native.simulate(bench));
  return { id, role, group, simulate, ...(reason !== undefined && { reason }) };
}

function differences(): ValidationRow[] {
  return Object.entries(DIFFERENCES).flatMap(([name, [table, row]]) =>
    VMMS.map((vmm) =>
      combined(
        `derived.${vmm}.${name}`,
        `derived.${name}`,
        rowOf(`xen03.${table}.${vmm}.${row}`),
        rowOf(`xen03.${table}.l-up.${row}`),
        (cost, native) => cost - native,
      ),
    ),
  );
}

function relativePerformance(): ValidationRow[] {
  return Object.entries(APPLICATIONS).flatMap(([name, kind]) =>
    [...VMMS, "uml"].map((vmm) =>
      combined(
        `xen03.f3.${name}.${vmm}.rel`,
        `f3.${name}.rel`,
        rowOf(`xen03.f3.${name}.${vmm}`),
        rowOf(`xen03.f3.${name}.linux`),
        (value, native) => (kind === "rate" ? value / native : native / value),
      ),
    ),
  );
}

/** Section 4.2: a context switch on Xen takes 1 to 3 us more, over the rows of Table 4; one of them is a calibration. */
function contextSwitches(): ValidationRow[] {
  const names = sosp03Switches.rows.filter(({ id }) => id.startsWith("xen03.t4.xen.")).map(({ id }) => id);
  const added = (bench: Bench): number[] =>
    names.map((id) => rowOf(id).simulate(bench) - rowOf(id.replace(".xen.", ".l-up.")).simulate(bench));
  return [
    { id: "xen03.text.ctx.lo", role: "calibration", simulate: (bench) => Math.min(...added(bench)) },
    {
      id: "xen03.text.ctx.hi",
      role: "calibration",
      simulate: (bench) => Math.max(...added(bench)),
      reason: SMALL_CACHES,
    },
  ];
}

export const sosp03Derived: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: [...differences(), ...relativePerformance(), ...contextSwitches()],
};
