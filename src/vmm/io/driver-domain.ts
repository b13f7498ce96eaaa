/**
 * Devices that a domain of Xen has to itself, as the driver domain does: bare ones, but their interrupts come through the
 * hypervisor, which masks them until it is told by a call that they have been handled.
 */
import { cause } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { MonitorContext } from "../monitor-contract.ts";
import { BARE_DEVICE_COSTS, BareDevice, LARGEST_SEGMENT, segmentationOffload } from "./bare.ts";

const UNMASK = cause("io.interrupt-unmask");

class OwnDevice extends BareDevice {
  readonly #interrupts: Meter;
  readonly #hypercall: number;

  constructor(context: MonitorContext, driver: "disk-driver" | "network-driver", segmentBytes: number) {
    super(context, driver, segmentBytes);
    this.#interrupts = context.meter;
    this.#hypercall = primitiveCost(context.profile, "xen.hypercall");
  }

  override interrupt(): number {
    this.#interrupts.spend(UNMASK, this.#hypercall);
    return super.interrupt();
  }
}

const needs = [...BARE_DEVICE_COSTS, "xen.hypercall"];

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
