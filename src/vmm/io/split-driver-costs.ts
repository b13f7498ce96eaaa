/** What the driver domain of Xen since 2.0 and the hypervisor do for a guest's request or packet costs. */
import { primitiveCost } from "../../machine/profile.ts";
import type { MonitorContext } from "../monitor-contract.ts";
import { interruptMaskCycles } from "./driver-domain.ts";
import { EVENT_LOCK_COSTS, eventLockCycles } from "./event-locks.ts";
import { FRONT_END_COSTS } from "./front-end.ts";
import { TWO_PROCESSOR_COSTS } from "./two-processors.ts";

export const MAP_AND_UNMAP = 2;
/**
 * What the hypervisor is asked for a page given away, each request validated (Xen 2.0, netback.c): the new page in the entry of
 * the old one, its place in the table of machine pages, whom the old one goes to, that it goes; and the new page itself. The
 * TLB is flushed once, at the end of the batch.
 */
const REQUESTS_PER_FLIP = 5;

export function driverDomainCosts({ profile }: MonitorContext) {
  const update = primitiveCost(profile, "xen.validate-entry");
  const locks = eventLockCycles(profile);
  return {
    ring: primitiveCost(profile, "xen.ring-request"),
    grant: MAP_AND_UNMAP * update,
    flip: REQUESTS_PER_FLIP * update,
    flush: primitiveCost(profile, "hardware.tlb-flush"),
    request: primitiveCost(profile, "xen.backend-request"),
    domainSwitch: primitiveCost(profile, "xen.domain-switch"),
    eventUpcall: primitiveCost(profile, "xen.event-upcall"),
    interrupt: primitiveCost(profile, "hardware.interrupt"),
    hypercall: primitiveCost(profile, "xen.hypercall"),
    takeEvent: locks.take,
    notify: primitiveCost(profile, "xen.hypercall") + locks.send,
    deviceAccess: primitiveCost(profile, "hardware.device-access"),
    interruptMask: interruptMaskCycles(profile),
    copyPage: primitiveCost(profile, "page.copy"),
  };
}

export const SPLIT_DRIVER_COSTS = [
  ...FRONT_END_COSTS,
  ...EVENT_LOCK_COSTS,
  ...TWO_PROCESSOR_COSTS,
  "xen.backend-request",
  "xen.domain-switch",
  "xen.event-upcall",
  "hardware.interrupt",
  "page.copy",
];
