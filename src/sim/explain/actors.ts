/** Who is at work when a cause is charged, in which ring, and what it does. */
import type { PageTableFormatName } from "../../machine/profile.ts";
import type { KernelRing, Vmm } from "../../vmm/contract.ts";
import { paravirtual } from "../../vmm/cpu/paravirtual.ts";
import type { CallKind } from "./recorder.ts";

/** In the order in which they are shown, from the least to the most privileged. */
export const ACTORS = ["user code", "guest kernel", "hardware", "VMM", "dom0", "host", "device"] as const;
export type Actor = (typeof ACTORS)[number];

interface Work {
  readonly actor: Actor;
  /** What it does, in words; nothing where the call says it. */
  readonly action?: string;
  /** Done in the ring of the guest kernel, whoever does it. */
  readonly inKernelRing?: true;
}

/** By cause of the ledger or by its beginning; the longest one counts. */
const WORK: Readonly<Record<string, Work>> = {
  "guest.user": { actor: "user code" },
  guest: { actor: "guest kernel" },
  hardware: { actor: "hardware" },
  "hardware.system-call": { actor: "hardware", action: "to the kernel's ring and back" },
  "hardware.interrupt": { actor: "hardware", action: "interrupt, and back" },
  "hardware.trap": { actor: "hardware", action: "exception, to the handler's ring and back" },
  "hardware.tlb-miss": { actor: "hardware", action: "walks the page tables" },
  "hardware.tlb-flush": { actor: "hardware", action: "translations leave the TLB" },
  vmm: { actor: "VMM" },
  "vmm.trap": { actor: "VMM", action: "handles what traps or passes it on" },
  "vmm.trap.user-root": { actor: "VMM", action: "loads the kernel's page tables, and those of user code again" },
  "vmm.translation": { actor: "VMM", action: "translated code is longer", inKernelRing: true },
  "vmm.translation.translator": { actor: "VMM", action: "translates code met for the first time" },
  "vmm.translation.callout": { actor: "VMM", action: "called by translated code" },
  "vmm.hypercall": { actor: "VMM", action: "hypercall, there and back" },
  "vmm.event-channel": { actor: "VMM", action: "event" },
  "guest.paravirtual": { actor: "guest kernel", action: "puts a hypercall together, converts frame numbers" },
  "vmm.hypercall.multicall-entry": { actor: "VMM", action: "one call of a multicall" },
  "vmm.hypercall.switch-task": { actor: "VMM", action: "is told the kernel's stack and segments" },
  "vmm.exit": { actor: "VMM", action: "the guest is left and entered again" },
  "vmm.exit.world-switch": { actor: "hardware", action: "out of guest mode and back into it" },
  "vmm.exit.control-block": { actor: "VMM", action: "reads and writes the control block" },
  "vmm.exit.dispatch": { actor: "VMM", action: "finds out why the guest was left" },
  "vmm.exit.cpuid": { actor: "VMM", action: "answers CPUID" },
  "vmm.nested.violation": { actor: "hardware", action: "finds no nested entry" },
  "vmm.nested.fill": { actor: "VMM", action: "fills a nested entry" },
  "vmm.direct.update": { actor: "VMM", action: "makes an update of an entry" },
  "vmm.direct.emulated-write": { actor: "VMM", action: "emulates a write to a pinned table" },
  "vmm.direct.table-mapping": { actor: "VMM", action: "changes how a table's page is mapped" },
  "vmm.direct.tlb-flush": { actor: "VMM", action: "drops translations" },
  "vmm.shadow.prefetch": { actor: "VMM", action: "fills the shadow entry of a neighbour" },
  "vmm.shadow.unsync": { actor: "VMM", action: "lets a table go out of sync" },
  "vmm.shadow.sync": { actor: "VMM", action: "brings a table's shadow into step" },
  "vmm.shadow.emulated-write": { actor: "VMM", action: "emulates a write to a traced table" },
  "vmm.shadow.zap": { actor: "VMM", action: "gives a shadow table up" },
  "vmm.shadow.invalidate": { actor: "VMM", action: "drops or renews an entry" },
  "vmm.direct.validate": { actor: "VMM", action: "checks an update and makes it" },
  "vmm.direct.pin": { actor: "VMM", action: "makes a page a table, or memory again" },
  "vmm.direct.root-switch": { actor: "VMM", action: "checks and loads the base" },
  "vmm.shadow.true-fault": { actor: "VMM", action: "finds a true fault, the guest's to handle" },
  "vmm.shadow.hidden-fault": { actor: "VMM", action: "fills a shadow entry, hidden from the guest" },
  "vmm.shadow.trace": { actor: "VMM", action: "the write traps; makes it, updates the shadow" },
  "vmm.shadow.new-table": { actor: "VMM", action: "makes a shadow table" },
  "vmm.shadow.root-switch": { actor: "VMM", action: "finds and loads the shadow's base" },
  "io.frontend": { actor: "guest kernel", action: "front end" },
  "io.device-registers": { actor: "hardware", action: "access to device registers" },
  io: { actor: "VMM" },
  "io.device-emulation": { actor: "VMM", action: "access to registers traps: emulated device" },
  "io.backend": { actor: "dom0" },
  "io.backend.grant": { actor: "dom0", action: "maps pages of the guest by grants" },
  "io.backend.domain-switch": { actor: "dom0", action: "switch to the driver domain, event" },
  "io.backend.driver": { actor: "dom0", action: "driver of the real device" },
  "io.backend.request": { actor: "dom0", action: "back end" },
  "io.backend.page-flip": { actor: "dom0", action: "exchanges a page with the guest" },
  "io.backend.notify": { actor: "dom0", action: "sends the guest an event" },
  "io.hosted": { actor: "host" },
  wait: { actor: "device", action: "the guest waits for the device" },
  idle: { actor: "device", action: "nothing to do" },
};

/** What is done under a cause. A cause that nothing is known about is the VMM's. */
export function workOf(cause: string): Work {
  for (let prefix = cause; prefix !== ""; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf(".")))) {
    if (Object.hasOwn(WORK, prefix)) return WORK[prefix];
  }
  return { actor: "VMM" };
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
