/**
 * Devices that a domain of Xen has to itself, as the driver domain does: bare ones, but their interrupts come through the
 * hypervisor, which masks them at the interrupt controller until it is told by a call that they have been handled.
 */
import { cause } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { MonitorContext } from "../monitor-contract.ts";
import { BARE_DEVICE_COSTS, BareDevice, LARGEST_SEGMENT, segmentationOffload } from "./bare.ts";
import { EVENT_LOCK_COSTS, eventLockCycles } from "./event-locks.ts";

const MASK = cause("io.interrupt-mask");
/** I/O APIC, twice: the register is chosen, read, and written back with the bit changed (Xen 2.0, io_apic.c: __modify_IO_APIC_irq). */
const ACCESSES_TO_MASK_AND_UNMASK = 2 * 3;

/** What it takes that the hypervisor hands a device's interrupt to a domain, on top of the frame of an event. */
export function interruptMaskCycles(profile: MachineProfile): number {
  return (
    primitiveCost(profile, "xen.hypercall") +
    ACCESSES_TO_MASK_AND_UNMASK * primitiveCost(profile, "hardware.device-access") +
    eventLockCycles(profile).interrupt
  );
}

class OwnDevice extends BareDevice {
  readonly #interrupts: Meter;
  readonly #mask: number;

  constructor(context: MonitorContext, driver: "disk-driver" | "network-driver", segmentBytes: number) {
    super(context, driver, segmentBytes);
    this.#interrupts = context.meter;
    this.#mask = interruptMaskCycles(context.profile);
  }

  override interrupt(): number {
    this.#interrupts.spend(MASK, this.#mask);
    return super.interrupt();
  }
}

const needs = [...BARE_DEVICE_COSTS, ...EVENT_LOCK_COSTS, "xen.hypercall"];

export const driverDomainDisk = definePart({
  slot: "disk",
  name: "driver-domain",
  summary: "disk of the domain's own, interrupts through the hypervisor",
  parameters: {},
  needs,
  create: (_, context) => new OwnDevice(context, "disk-driver", 0),
});

export const driverDomainNetwork = definePart<"network", { segmentationOffload: boolean }>({
  slot: "network",
  name: "driver-domain",
  summary: "network interface of the domain's own, interrupts through the hypervisor",
  parameters: { segmentationOffload },
  needs,
  create: (parameters, context) =>
    new OwnDevice(context, "network-driver", parameters.segmentationOffload ? LARGEST_SEGMENT : 0),
});
