/** Bare devices: the guest's own drivers program them. */
import { cause } from "../../core/ledger.ts";
import { GUEST_KERNEL, kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { IoPath, MonitorContext } from "../monitor-contract.ts";

const DEVICE_REGISTERS = cause("io.device-registers");

/** Accesses to device registers: per burst of submissions, and per completion. */
const ACCESSES_TO_NOTIFY = 1;
const ACCESSES_TO_COMPLETE = 1;

class BareDevice implements IoPath {
  readonly #meter: Meter;
  readonly #driver: number;
  readonly #registerAccess: number;

  constructor({ profile, meter }: MonitorContext, driver: "disk-driver" | "network-driver") {
    this.#meter = meter;
    this.#driver = kernelPaths(profile)[driver].cycles;
    this.#registerAccess = primitiveCost(profile, "hardware.device-access");
  }

  submit(): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
  }

  notify(): void {
    this.#meter.spendMany(DEVICE_REGISTERS, ACCESSES_TO_NOTIFY, this.#registerAccess);
  }

  complete(): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
    this.#meter.spendMany(DEVICE_REGISTERS, ACCESSES_TO_COMPLETE, this.#registerAccess);
  }
}

const needs = ["hardware.device-access"];

export const bareDisk = definePart({
  slot: "disk",
  name: "bare",
  summary: "bare disk: the guest's driver programs the controller",
  parameters: {},
  needs,
  create: (_, context) => new BareDevice(context, "disk-driver"),
});

export const bareNetwork = definePart({
  slot: "network",
  name: "bare",
  summary: "bare network interface: the guest's driver programs it",
  parameters: {},
  needs,
  create: (_, context) => new BareDevice(context, "network-driver"),
});
