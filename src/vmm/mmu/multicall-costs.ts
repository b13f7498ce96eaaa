/** Primitive costs of direct paging with multicalls: what the hypervisor and the guest do, without the hypercall itself. */
import { type MachineProfile, primitiveCosts } from "../../machine/profile.ts";

const NAMES = {
  update: "xen.update",
  plainUpdate: "xen.plain-update",
  validate: "xen.validate-entry",
  convertEntry: "xen.convert-entry",
  emulatedWrite: "xen.emulated-write",
  walkUpper: "xen.walk-upper-table",
  walkRoot: "xen.walk-root",
  tableMapping: "xen.table-mapping",
  pin: "xen.pin-table",
  pinUpper: "xen.pin-upper-table",
  pinRoot: "xen.pin-root",
  unpin: "xen.unpin-table",
  unpinUpper: "xen.unpin-upper-table",
  unpinRoot: "xen.unpin-root",
  rootSwitch: "xen.root-switch",
  flush: "xen.tlb-flush",
} as const;

export type MulticallCosts = Readonly<Record<keyof typeof NAMES, number>>;

export function multicallCosts(profile: MachineProfile): MulticallCosts {
  return primitiveCosts(profile, NAMES);
}
