/** What the tables and figures of Barham et al. 2003 have in common: the machine, and the systems they compare. */
import type { Bench, ValidationRow, VmmReference } from "./validation-set.ts";

export const SOURCE = "Barham et al. 2003, Xen and the Art of Virtualization";
export const MACHINE = "xeon-2.4-sosp03";

/** The VMM that stands for VMware Workstation 3.2; that for Xen has its drivers in the hypervisor, as Xen 1.x had. */
const VMWARE: VmmReference = "workstation";

/** Native Linux on one processor, XenLinux, VMware, User-Mode Linux. */
export const SYSTEMS = ["native", "xen", "vmware", "uml"] as const;
export type System = (typeof SYSTEMS)[number];

export const VMMS: Readonly<Record<System, VmmReference>> = {
  native: "native",
  xen: "xen-pv-1",
  vmware: VMWARE,
  uml: "uml",
};

/** As the ids of tables 3 to 5 call them. */
const COLUMNS: Readonly<Record<System, string>> = { native: "l-up", xen: "xen", vmware: "vmw", uml: "uml" };

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

/** The rows of table `table` (`t3`), one for each system. */
export function tableRows(table: string, rows: readonly TableRow[]): ValidationRow[] {
  return rows.flatMap(({ name, operation = name, corrections = {}, calibrated, reasons = {} }) =>
    SYSTEMS.map((system): ValidationRow => {
      const reason = reasons[system];
      const terms = Object.entries<number>({ [operation]: 1, ...corrections });
      const cost = (bench: Bench, of: string): number => bench.operation(MACHINE, VMMS[system], of).cost;
      return {
        id: `xen03.${table}.${COLUMNS[system]}.${name}`,
        role: calibrated.includes(system) ? "calibration" : "prediction",
        group: `${table}.${name}`,
        simulate: (bench) =>
          terms.reduce((sum, [of, sign]) => sum + sign * cost(bench, of), 0) / bench.profile(MACHINE).megahertz,
        ...(reason === undefined ? {} : { reason }),
      };
    }),
  );
}
