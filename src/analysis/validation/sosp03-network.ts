/** Barham et al., SOSP 2003, Table 6: ttcp. VMware is Workstation 3.2, Xen is 1.x with the drivers in the hypervisor. */
import { megabitsPerSecond } from "../../sim/microbenchmarks/tcp.ts";
import { MACHINE, SOURCE } from "./sosp03-systems.ts";
import type { Role, ValidationRow, ValidationSet } from "./validation-set.ts";

const SYSTEMS = { linux: "native", xen: "xen-pv-1", vmw: "workstation", uml: "uml" } as const;
type System = keyof typeof SYSTEMS;
const DIRECTIONS = { tx: "transmit", rx: "receive" } as const;
type Direction = keyof typeof DIRECTIONS;

const WIRE = "the wire is the limit: 941 Mb/s of payload; what kept the real machines at 897 is not modelled";
function row(system: System, direction: Direction, mtu: 1500 | 500, role: Role, reason?: string): ValidationRow {
  return {
    id: `xen03.t6.${system}.${direction}-mtu-${mtu}`,
    role,
    group: `ttcp ${direction} MTU ${mtu}`,
    simulate: (bench) => {
      const { cost } = bench.operation(MACHINE, SYSTEMS[system], `ttcp-${DIRECTIONS[direction]}-${mtu}`);
      return megabitsPerSecond(cost, mtu, bench.profile(MACHINE));
    },
    ...(reason !== undefined && { reason }),
  };
}

export const SOSP03_NETWORK: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: [
    row("linux", "tx", 1500, "prediction", WIRE),
    row("linux", "rx", 1500, "prediction", WIRE),
    row("linux", "tx", 500, "calibration"),
    row("linux", "rx", 500, "calibration"),
    row("xen", "tx", 1500, "prediction", WIRE),
    row("xen", "rx", 1500, "prediction", WIRE),
    row("xen", "tx", 500, "prediction"),
    row("xen", "rx", 500, "prediction"),
    row("vmw", "tx", 1500, "prediction"),
    row("vmw", "rx", 1500, "prediction"),
    row("vmw", "tx", 500, "prediction"),
    row("vmw", "rx", 500, "prediction"),
    row("uml", "tx", 1500, "prediction"),
    row("uml", "rx", 1500, "prediction"),
    row("uml", "tx", 500, "prediction"),
    row("uml", "rx", 500, "prediction"),
  ],
};
