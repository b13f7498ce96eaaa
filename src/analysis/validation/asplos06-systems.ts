/**
 * Adams and Agesen 2006: a software and a hardware VMM on the same two machines. Both are VMware Player 1.0.1, whose devices
 * are the host's.
 */
import type { Bench, Role, ValidationRow, VmmReference } from "./validation-set.ts";

export const SOURCE = "Adams and Agesen 2006, A Comparison of Software and Hardware Techniques for x86 Virtualization";
export const P4 = "p4-672-asplos06";
export const CORE = "core2-asplos06";

/**
 * Red Hat's kernel frees page tables at once and clears each new one by 512 stores. No source says which freed tables VMware
 * goes on tracing, nor that it took the stores for anything but writes of entries: how an ending process could be recognized
 * it had patented in 2009 (US 8,359,422). Two designs are known from their code (shadow-tables.ts). If all freed tables stay
 * traced, as in KVM, forkwait takes four to six times as long as published; if roots alone, as in Xen, 9 and 11 % less to 5
 * and 27 % more. The second is taken for that reason: one choice, for four times.
 */
export const VMMS = {
  native: "native",
  bt: { workstation: { "cpu.adaptive": true, "mmu.keeps-unlinked": false } },
  vt: { workstation: { cpu: "hardware-assist", "mmu.keeps-unlinked": false } },
} as const satisfies Record<string, VmmReference>;
export type System = keyof typeof VMMS;
export const SYSTEMS = Object.keys(VMMS) as readonly System[];

/** Rows of one row of a table: a simulated value for each system. */
export function row(
  name: string,
  simulate: (bench: Bench, system: System) => number,
  calibrated: readonly System[],
  reasons: Partial<Record<System, string>> = {},
  systems = SYSTEMS,
): ValidationRow[] {
  return systems.map((system) => {
    const role: Role = calibrated.includes(system) ? "calibration" : "prediction";
    const reason = reasons[system];
    const id = `aa06.${name}.${system}`;
    return {
      id,
      role,
      group: `aa06.${name}`,
      simulate: (bench) => simulate(bench, system),
      ...(reason && { reason }),
    };
  });
}
