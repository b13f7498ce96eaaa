/** What the tables and figures of Barham et al. 2003 have in common: the machine, and the systems they compare. */
import type { Bench, ValidationRow, VmmReference } from "./validation-set.ts";

export const SOURCE = "Barham et al. 2003, Xen and the Art of Virtualization";
export const MACHINE = "xeon-2.4-sosp03";
/** The same with a kernel that is compiled for both processors. */
export const SMP_MACHINE = "xeon-2.4-sosp03-smp";

/** Queries of a user for each tuple of its throughput in information retrieval, assumed: see workloads/sosp03-osdb-ir.yaml. */
export const QUERIES_PER_TUPLE = 10;

/** The VMM that stands for VMware Workstation 3.2; that for Xen has its drivers in the hypervisor, as Xen 1.x had. */
const VMWARE: VmmReference = "workstation";

/** Native Linux compiled for one processor, XenLinux, VMware, User-Mode Linux. */
export const SYSTEMS = ["native", "xen", "vmware", "uml"] as const;
export type System = (typeof SYSTEMS)[number];

export const VMMS: Readonly<Record<System, VmmReference>> = {
  native: "native",
  xen: "xen-pv-1",
  vmware: VMWARE,
  uml: "uml",
};

/** A column of tables 3 to 5, as the ids call it. No number is derived from that of the SMP kernel. */
interface Column {
  readonly id: string;
  readonly machine: string;
  readonly vmm: VmmReference;
  readonly system?: System;
}

const COLUMNS: readonly Column[] = [
  { id: "l-smp", machine: SMP_MACHINE, vmm: "native" },
  { id: "l-up", machine: MACHINE, vmm: VMMS.native, system: "native" },
  { id: "xen", machine: MACHINE, vmm: VMMS.xen, system: "xen" },
  { id: "vmw", machine: MACHINE, vmm: VMMS.vmware, system: "vmware" },
  { id: "uml", machine: MACHINE, vmm: VMMS.uml, system: "uml" },
];

/** One row of a table of lmbench figures, in microseconds. */
export interface TableRow {
  /** As in the ids of the published figures: `null-call`. */
  readonly name: string;
  /** The microbenchmark; by default it has the same name. */
  readonly operation?: string;
  /** What lmbench subtracts from that: microbenchmarks, with the sign they have in the result. */
  readonly corrections?: Readonly<Record<string, 1 | -1>>;
  /** Systems on whose figures a number of the profile, or of the benchmark, was derived. */
  readonly calibrated: readonly System[];
  readonly reasons?: Partial<Readonly<Record<System, string>>>;
}

export const ALL: readonly System[] = SYSTEMS;
export const BUT_UML: readonly System[] = ["native", "xen", "vmware"];
export const NATIVE: readonly System[] = ["native"];
export const NONE: readonly System[] = [];

/** The rows of table `table` (`t3`), one for each column. */
export function tableRows(table: string, rows: readonly TableRow[]): ValidationRow[] {
  return rows.flatMap(({ name, operation = name, corrections = {}, calibrated, reasons = {} }) =>
    COLUMNS.map(({ id, machine, vmm, system }): ValidationRow => {
      const reason = system && reasons[system];
      const terms = Object.entries<number>({ [operation]: 1, ...corrections });
      const cost = (bench: Bench, of: string): number => bench.operation(machine, vmm, of).cost;
      return {
        id: `xen03.${table}.${id}.${name}`,
        role: system !== undefined && calibrated.includes(system) ? "calibration" : "prediction",
        group: `${table}.${name}`,
        simulate: (bench) =>
          terms.reduce((sum, [of, sign]) => sum + sign * cost(bench, of), 0) / bench.profile(machine).megahertz,
        ...(reason !== undefined && { reason }),
      };
    }),
  );
}
