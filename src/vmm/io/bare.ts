/** Bare devices: the guest's own drivers program them. */
import { cause } from "../../core/ledger.ts";
import { GUEST_KERNEL, kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { Parameter } from "../contract.ts";
import type { IoPath, MonitorContext } from "../monitor-contract.ts";

const DEVICE_REGISTERS = cause("io.device-registers");

/** Accesses to device registers: per burst of submissions, and per interrupt. */
const ACCESSES_TO_NOTIFY = 1;
const ACCESSES_TO_HANDLE_INTERRUPT = 1;
/** Linux 2.6.11, driver e1000: E1000_DEFAULT_RXD. */
export const RING_DESCRIPTORS = 256;
/** 64 KiB, the largest IP packet, is the largest segment that an interface cuts up. */
export const LARGEST_SEGMENT = 65_535;

export class BareDevice implements IoPath {
  readonly segmentBytes: number;
  readonly descriptors: number;
  readonly #meter: Meter;
  readonly #driver: number;
  readonly #registerAccess: number;

  constructor({ profile, meter }: MonitorContext, driver: "disk-driver" | "network-driver", segmentBytes: number) {
    this.segmentBytes = segmentBytes;
    this.descriptors = driver === "network-driver" ? RING_DESCRIPTORS : 0;
    this.#meter = meter;
    this.#driver = kernelPaths(profile)[driver].cycles;
    this.#registerAccess = primitiveCost(profile, "hardware.device-access");
  }

  submit(): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
  }

  notify(): number {
    this.#meter.spendMany(DEVICE_REGISTERS, ACCESSES_TO_NOTIFY, this.#registerAccess);
    return this.#meter.now;
  }

  interrupt(): number {
    this.#meter.spendMany(DEVICE_REGISTERS, ACCESSES_TO_HANDLE_INTERRUPT, this.#registerAccess);
    return this.#meter.now;
  }

  complete(): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
  }

  interruptsForSent(): boolean {
    return false;
  }
}

export const BARE_DEVICE_COSTS = ["hardware.device-access"];

export const bareDisk = definePart({
  slot: "disk",
  name: "bare",
  summary: "bare disk: the guest's driver programs the controller",
  parameters: {},
  needs: BARE_DEVICE_COSTS,
  create: (_, context) => new BareDevice(context, "disk-driver", 0),
});

export const segmentationOffload: Parameter<boolean> = {
  summary: "the interface cuts segments of up to 64 KiB into packets",
  default: false,
  source: "Linux has had it since 2.5.33",
};

export const bareNetwork = definePart<"network", { segmentationOffload: boolean }>({
  slot: "network",
  name: "bare",
  summary: "bare network interface: the guest's driver programs it",
  parameters: { segmentationOffload },
  needs: BARE_DEVICE_COSTS,
  create: (parameters, context) =>
    new BareDevice(context, "network-driver", parameters.segmentationOffload ? LARGEST_SEGMENT : 0),
});
