/**
 * I/O of ESX: the guest's driver programs an emulated device, register by register; the vmkernel has the driver of the
 * real one. No other VM is involved.
 */
import { cause } from "../../core/ledger.ts";
import { GUEST_KERNEL, kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { Parameter } from "../contract.ts";
import type { IoPath, MonitorContext } from "../monitor-contract.ts";

const EMULATED_DEVICE = cause("io.device-emulation");
const VMKERNEL = cause("io.vmkernel");
const COPY = cause("io.vmkernel.copy");
const PAGE_BYTES = 4096;

interface Settings {
  readonly driver: "disk-driver" | "network-driver";
  /** Accesses to registers of the emulated device. */
  readonly submitAccesses: number;
  readonly completeAccesses: number;
  /** Received data is copied into the guest's buffers (a packet can be given to a VM only after it has arrived). */
  readonly copyReceived: boolean;
}

class VmkernelDevice implements IoPath {
  readonly #meter: Meter;
  readonly #settings: Settings;
  readonly #driver: number;
  readonly #registerAccess: number;
  readonly #request: number;
  readonly #deviceAccess: number;
  readonly #copyPage: number;

  constructor(settings: Settings, { profile, meter }: MonitorContext) {
    this.#meter = meter;
    this.#settings = settings;
    this.#driver = kernelPaths(profile)[settings.driver].cycles;
    this.#registerAccess = primitiveCost(profile, "esx.device-access");
    this.#request = primitiveCost(profile, "esx.vmkernel-request");
    this.#deviceAccess = primitiveCost(profile, "hardware.device-access");
    this.#copyPage = primitiveCost(profile, "page.copy");
  }

  submit(): void {
    this.#meter.spend(GUEST_KERNEL, this.#driver);
    this.#meter.spendMany(EMULATED_DEVICE, this.#settings.submitAccesses, this.#registerAccess);
    this.#meter.spend(VMKERNEL, this.#request + this.#driver);
  }

  notify(): void {
    this.#meter.spend(VMKERNEL, this.#deviceAccess);
  }

  complete(bytes: number, write: boolean): void {
    this.#meter.spend(VMKERNEL, this.#request + this.#driver + this.#deviceAccess);
    if (this.#settings.copyReceived && !write) {
      this.#meter.spend(COPY, Math.round((bytes * this.#copyPage) / PAGE_BYTES));
    }
    this.#meter.spend(GUEST_KERNEL, this.#driver);
    this.#meter.spendMany(EMULATED_DEVICE, this.#settings.completeAccesses, this.#registerAccess);
  }
}

const needs = ["esx.device-access", "esx.vmkernel-request", "hardware.device-access", "page.copy"];

function accesses(summary: string, count: number, source: string): Parameter<number> {
  return { summary, default: count, unit: "accesses", min: 0, max: 100, source };
}

export const vmkernelDisk = definePart({
  slot: "disk",
  name: "vmkernel",
  summary: "emulated SCSI controller, real driver in the vmkernel",
  parameters: {
    submitAccesses: accesses("register accesses per request", 2, "assumed: mailbox and doorbell of a SCSI controller"),
    completeAccesses: accesses(
      "register accesses per completion",
      3,
      "assumed: status, acknowledge, interrupt controller",
    ),
  },
  needs,
  create: (parameters, context) =>
    new VmkernelDevice({ ...parameters, driver: "disk-driver", copyReceived: false }, context),
});

export const vmkernelNetwork = definePart({
  slot: "network",
  name: "vmkernel",
  summary: "emulated network interface, real driver in the vmkernel",
  parameters: {
    submitAccesses: accesses(
      "register accesses per packet sent",
      3,
      "vlance: Sugerman 2001, section 4.2: one third of the accesses to the Lance start a packet",
    ),
    completeAccesses: accesses(
      "register accesses per packet received",
      4,
      "assumed: status, acknowledge, interrupt controller",
    ),
  },
  needs,
  create: (parameters, context) =>
    new VmkernelDevice({ ...parameters, driver: "network-driver", copyReceived: true }, context),
});
