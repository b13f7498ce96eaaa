/**
 * The primitive costs that the mechanisms of this package charge, by group: what a machine may give. Parts from outside have groups
 * of their own.
 */
import { nearestName, suggestion } from "../core/nearest-name.ts";

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  "binary-translation": [
    "call-return",
    "callout",
    "cpuid",
    "debug-register",
    "flag-write",
    "inject-exception",
    "inject-interrupt",
    "port-input",
    "port-output",
    "segment-load",
    "system-call",
    "task-priority",
    "traced-write",
    "traced-write-clear",
    "traced-write-set",
    "translate-instruction",
    "trap",
  ],
  esx: ["device-access", "vmkernel-request"],
  hardware: [
    "cache-line-fill",
    "cache-line-transfer",
    "call-return",
    "cli",
    "cpuid",
    "debug-register",
    "device-access",
    "exception",
    "interrupt",
    "locked-instruction",
    "memory-write",
    "page-walk-level",
    "popf",
    "port-input",
    "port-output",
    "pushf",
    "segment-load",
    "sti",
    "system-call",
    "task-priority",
    "tlb-flush",
    "tlb-invalidate",
    "trap",
  ],
  "hardware-assist": [
    "control-block-read",
    "control-block-write",
    "cpuid",
    "dispatch",
    "entry",
    "exception",
    "exit",
    "port-access",
    "task-priority",
  ],
  hosted: ["device-access", "host-request", "interrupt-controller-access", "transmit-emulation", "world-switch"],
  kvm: [
    "device-model",
    "emulated-write",
    "find-root",
    "fixed-fault",
    "guest-fault",
    "invalidate-page",
    "new-shadow",
    "prefetch",
    "present-fault",
    "read-root",
    "sync-entry",
    "sync-table",
    "unsync",
    "user-space-exit",
    "write-root",
    "zap",
    "zap-entry",
  ],
  nested: ["fill"],
  page: ["compare", "compress", "copy", "cow-break", "decompress", "hash", "map", "patch", "unpatch", "zero"],
  shadow: ["fault", "fill", "resynchronize", "root-switch", "trace", "trace-clear", "trace-set", "untrace"],
  uml: ["mapping-request", "stop", "switch-space"],
  xen: [
    "backend-request",
    "convert-entry",
    "cpuid",
    "domain-create",
    "domain-switch",
    "emulated-write",
    "event-upcall",
    "fast-system-call",
    "flag-write",
    "forward-exception",
    "hypercall",
    "multicall-entry",
    "pin-root",
    "pin-table",
    "pin-upper-table",
    "plain-update",
    "port-access",
    "queue-flush",
    "queue-update",
    "ring-request",
    "root-switch",
    "segment-load",
    "switch-task",
    "table-mapping",
    "tlb-flush",
    "unpin-root",
    "unpin-table",
    "unpin-upper-table",
    "unprotect-tables",
    "update",
    "update-list",
    "validate-entry",
    "walk-root",
    "walk-upper-table",
  ],
};

/** By dotted name, `hardware.trap`. */
export const PRIMITIVE_COSTS: readonly string[] = Object.entries(GROUPS).flatMap(([group, names]) =>
  names.map((name) => `${group}.${name}`),
);

/** What is wrong with the name of a cost, if anything is: no mechanism would ever ask for it, and one would lack what was meant. */
export function costNameProblem(name: string): string | undefined {
  const group = name.split(".")[0];
  if (PRIMITIVE_COSTS.includes(name)) return undefined;
  if (Object.hasOwn(GROUPS, group) || group === name)
    return `there is no such cost; ${suggestion(name, namesNear(group))}`;
  const nearest = nearestName(group, Object.keys(GROUPS));
  if (nearest === undefined) return undefined;
  return `there are no costs of "${group}"; ${suggestion(name, PRIMITIVE_COSTS)}`;
}

/** Of a group where there is such a one, so that nobody has to look through all. */
function namesNear(group: string): readonly string[] {
  return Object.hasOwn(GROUPS, group) ? GROUPS[group].map((name) => `${group}.${name}`) : PRIMITIVE_COSTS;
}
