/** What the guest kernel does to whole pages. Its cost depends on the memory alone: no VMM slows it down. */
import type { Meter } from "../machine/meter.ts";
import { primitiveCost } from "../machine/profile.ts";
import type { MachineProfile } from "../machine/profile.ts";
import { GUEST_KERNEL } from "./kernel-paths.ts";
import { copyCost } from "../machine/page.ts";

/** Contents are not kept at monitor resolution. Who wants to (a test) overrides the methods. */
export class PageWork {
  readonly #meter: Meter;
  readonly #zeroPage: number;
  readonly #copyPage: number;

  constructor(profile: MachineProfile, meter: Meter) {
    this.#meter = meter;
    this.#zeroPage = primitiveCost(profile, "page.zero");
    this.#copyPage = primitiveCost(profile, "page.copy");
  }

  /** Clear a frame. */
  zero(_frame: number): void {
    this.#meter.spend(GUEST_KERNEL, this.#zeroPage);
  }

  copy(_from: number, _to: number): void {
    this.#meter.spend(GUEST_KERNEL, this.#copyPage);
  }

  /** Copy between the kernel and a user's buffer. */
  copyBytes(bytes: number): void {
    this.#meter.spend(GUEST_KERNEL, copyCost(bytes, this.#copyPage));
  }

  /** A frame is written to a slot of the swap device, by the device. */
  swapOut(_frame: number, _slot: number): void {}

  swapIn(_slot: number, _frame: number): void {}
}
