/**
 * Barham et al. 2003, section 4.4: what a database and a web server lose next to two domains that misbehave, one writing to disk
 * all the time, one creating processes and touching more memory than it has. Nothing is derived from it.
 */
import type { CellOutcome } from "../../sim/cell.ts";
import { MACHINE, SOURCE } from "./sosp03-systems.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const VICTIMS: Readonly<Record<string, string>> = { osdb: "sosp03-osdb-ir", web: "sosp03-spec-web99" };
const HOGS = ["sosp03-disk-hog", "sosp03-fork-bomb"];
const TIMES = { seconds: 1.8, warmupSeconds: 0.6 };

function run(bench: Bench, workloads: readonly string[]): CellOutcome {
  const guests = workloads.map((workload) => ({ workload, count: 1 }));
  return bench.host({ machine: MACHINE, vmm: "xen-pv-1", guests, ...TIMES });
}

/** Percent of what it does next to the other one alone. */
function loss(bench: Bench, victim: number): number {
  const names = Object.values(VICTIMS);
  const done = (workloads: readonly string[]): number => {
    const { vms } = run(bench, workloads);
    if (vms === undefined) throw new Error("the VMs are alike");
    return vms.rows[victim][vms.columns.indexOf("requests_done")];
  };
  return 100 * (1 - done([...names, ...HOGS]) / done(names));
}

const EQUAL_SHARES =
  "four domains that all want the processor get half of one of the two each; how the source's hogs left its victims theirs is not said";

export const sosp03Isolation: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: Object.keys(VICTIMS).map(
    (name, victim): ValidationRow => ({
      id: `xen03.text.iso.${name}`,
      role: "prediction",
      simulate: (bench) => loss(bench, victim),
      reason: EQUAL_SHARES,
    }),
  ),
};
