/**
 * Devices of a guest that a process of the host emulates, as QEMU does for KVM. An exit that the kernel cannot handle itself is
 * the end of a system call of that process (the ioctl KVM_RUN): the kernel gives up the virtual CPU and returns to user mode,
 * the process finds the device and does what the access asks for, and its next call brings the guest back.
 *
 * That two system calls meet at an exit, of which one returns and one begins, makes one crossing to and fro. Neither page tables
 * nor the TLB change: the process is the one whose memory the guest has.
 */
import { cause } from "../../core/ledger.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { MachineProfile } from "../../machine/profile.ts";

const CROSSING = cause("vmm.exit.user-space-crossing");
const KERNEL = cause("vmm.exit.user-space-switch");
const DEVICE_MODEL = cause("vmm.exit.device-model");

export class UserSpaceDevices {
  readonly #meter: Meter;
  readonly #crossing: number;
  readonly #kernel: number;
  readonly #deviceModel: number;

  /** Throws an InputError where the machine profile does not say what the process takes. */
  constructor(profile: MachineProfile, meter: Meter) {
    this.#meter = meter;
    this.#crossing = primitiveCost(profile, "hardware.system-call");
    this.#kernel = primitiveCost(profile, "kvm.user-space-exit");
    this.#deviceModel = primitiveCost(profile, "kvm.device-model");
  }

  /** The guest has left guest mode for an access to a device, and goes on afterwards. */
  access(): void {
    this.#meter.spend(CROSSING, this.#crossing);
    this.#meter.spend(KERNEL, this.#kernel);
    this.#meter.spend(DEVICE_MODEL, this.#deviceModel);
  }
}
