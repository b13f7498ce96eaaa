/** Primitive costs of shadow paging as KVM does it: what is done about an exit, without the exit itself. */
import { type MachineProfile, primitiveCosts } from "../../machine/profile.ts";

const NAMES = {
  guestFault: "kvm.guest-fault",
  presentFault: "kvm.present-fault",
  fixedFault: "kvm.fixed-fault",
  prefetch: "kvm.prefetch",
  unsync: "kvm.unsync",
  syncTable: "kvm.sync-table",
  syncEntry: "kvm.sync-entry",
  emulatedWrite: "kvm.emulated-write",
  newShadow: "kvm.new-shadow",
  zap: "kvm.zap",
  zapEntry: "kvm.zap-entry",
  readRoot: "kvm.read-root",
  writeRoot: "kvm.write-root",
  findRoot: "kvm.find-root",
  invalidatePage: "kvm.invalidate-page",
} as const;

export type UnsyncCosts = Readonly<Record<keyof typeof NAMES, number>>;

/** Every cost that a machine profile must give. */
export const UNSYNC_COSTS: readonly string[] = Object.values(NAMES);

export function unsyncCosts(profile: MachineProfile): UnsyncCosts {
  return primitiveCosts(profile, NAMES);
}
