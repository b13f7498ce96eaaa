/** What the host and the VMM of a hosted device do for the guest costs. */
import { kernelPaths, nativeCycles } from "../../guest/kernel-paths.ts";
import { MTU } from "../../machine/network-link.ts";
import { copyCost } from "../../machine/page.ts";
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";

/** The host runs the same kernel as the guest: what its own drivers, block and network layers cost is known. */
export function hostedCosts(device: "disk" | "network", profile: MachineProfile) {
  const paths = kernelPaths(profile);
  const copyPage = primitiveCost(profile, "page.copy");
  // The price is that of a packet of full size.
  const call = primitiveCost(profile, "hosted.host-request") - copyCost(MTU, copyPage);
  const driver = paths[`${device}-driver`].cycles;
  const interrupt = primitiveCost(profile, "hardware.device-access") + paths.interrupt.cycles + driver;
  const own =
    device === "disk"
      ? // A disk request is made by the call that hands it over, and has its answer then.
        {
          request: call + paths["disk-request"].cycles,
          completion: paths["disk-completion"].cycles,
          receive: 0,
          layer: 0,
        }
      : // The bridge gets a packet where the host's own meet IP and TCP; a call takes it from there.
        { request: call, completion: 0, receive: call, layer: paths["receive-packet"].cycles };
  return {
    driver,
    copyPage,
    request: own.request,
    receive: own.receive,
    worldSwitch: primitiveCost(profile, "hosted.world-switch"),
    transmit: primitiveCost(profile, "hosted.transmit-emulation"),
    deviceAccess: primitiveCost(profile, "hosted.device-access"),
    controllerAccess: primitiveCost(profile, "hosted.interrupt-controller-access"),
    hostTick: paths.interrupt.cycles + paths["timer-interrupt"].cycles,
    hostInterrupt: interrupt + own.completion,
    hostArrival: interrupt + own.completion + own.layer,
    // select() of a few descriptors: about as much as a stat().
    select: primitiveCost(profile, "hardware.system-call") + paths["syscall-stat"].cycles,
    wakeUp: nativeCycles(paths["context-switch"], profile),
  };
}

export const HOSTED_COSTS = [
  "hosted.world-switch",
  "hosted.host-request",
  "hosted.transmit-emulation",
  "hosted.device-access",
  "hosted.interrupt-controller-access",
  "hardware.device-access",
  "hardware.system-call",
  "page.copy",
];
