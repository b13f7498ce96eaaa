/** Who is at work when a cause is charged, in which ring, and what it does. */
import type { PageTableFormatName } from "../../machine/profile.ts";
import type { KernelRing, Vmm } from "../../vmm/contract.ts";
import { paravirtual } from "../../vmm/cpu/paravirtual.ts";
import type { CallKind } from "./recorder.ts";
import { type Actor, COUNTED, WORK, type Work } from "./work.ts";

/** What is done under a cause, or undefined where nothing is known about it: a part from outside has causes of its own. */
export function knownWork(cause: string): Work | undefined {
  if (Object.hasOwn(COUNTED, cause)) return COUNTED[cause];
  for (let prefix = cause; prefix !== ""; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf(".")))) {
    if (Object.hasOwn(WORK, prefix)) return WORK[prefix];
  }
  return undefined;
}

/** A cause that nothing is known about is the VMM's. */
export function workOf(cause: string): Work {
  return knownWork(cause) ?? { actor: "VMM" };
}

/** Who makes a call. */
export function callerOf(kind: CallKind): Actor {
  return kind === "user-code" || kind === "access" ? "user code" : kind === "fault" ? "hardware" : "guest kernel";
}

/** Rings by who is at work; hardware has none. `undefined`: the CPU part does not say. */
export interface Rings {
  readonly kernel: KernelRing | null;
  readonly format: PageTableFormatName;
}

export function ringsOf(vmm: Vmm, format: PageTableFormatName): Rings {
  return { kernel: vmm.cpu.definition.kernelRing?.[format] ?? null, format };
}

export function ringOf(actor: Actor, { kernel, format }: Rings): string | null {
  const guestMode = kernel === "0, guest mode";
  switch (actor) {
    case "user code":
      return guestMode ? "3, guest mode" : "3";
    case "guest kernel":
      return kernel;
    case "VMM":
      return guestMode ? "0, host mode" : "0";
    case "dom0":
      // Its kernel is paravirtual, whatever the guests are.
      return paravirtual.definition.kernelRing?.[format] ?? null;
    case "host process":
      return guestMode ? "3, host mode" : "3";
    case "host":
      return guestMode ? "0, host mode" : "0";
    case "hardware":
    case "device":
      return null;
  }
}

/** Ring that the work of a cause is done in. */
export function ringOfWork({ actor, inKernelRing }: Work, rings: Rings): string | null {
  return inKernelRing ? rings.kernel : ringOf(actor, rings);
}
