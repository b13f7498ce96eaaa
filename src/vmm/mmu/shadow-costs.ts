/** What work on shadow page tables costs a VMM that traces those of the guest. */
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";

export const SHADOW_COSTS = [
  "shadow.fault",
  "shadow.fill",
  "shadow.trace",
  "shadow.trace-clear",
  "shadow.trace-set",
  "shadow.untrace",
  "shadow.resynchronize",
  "shadow.root-switch",
  "page.zero",
] as const;

export function shadowCosts(profile: MachineProfile) {
  return {
    fault: primitiveCost(profile, "shadow.fault"),
    fill: primitiveCost(profile, "shadow.fill"),
    trace: {
      unchanged: primitiveCost(profile, "shadow.trace"),
      clear: primitiveCost(profile, "shadow.trace-clear"),
      set: primitiveCost(profile, "shadow.trace-set"),
    },
    untrace: primitiveCost(profile, "shadow.untrace"),
    resynchronize: primitiveCost(profile, "shadow.resynchronize"),
    rootSwitch: primitiveCost(profile, "shadow.root-switch"),
    newShadow: primitiveCost(profile, "page.zero"),
  };
}
