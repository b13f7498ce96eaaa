/**
 * Instructions with the prefix LOCK (an XCHG locks without it) by which an event of Xen 2.0 and later is delivered. Its bits are in a
 * page that the hypervisor and the guest share, and both change them so even on one processor; a kernel for one processor has none of
 * them in its way to a handler. Counted in Xen 2.0.6 and its Linux 2.6.11. Only devices and rings pay for them here, not a domain's
 * timer. What an event of Xen 1.x takes, a bit set and a word exchanged, is not counted.
 */
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";

/** Event pending, its word selected, upcall pending (evtchn_set_pending, xen/event.h), domain no longer blocked (domain_unblock, xen/sched.h). */
const SET_PENDING = 4;
/** The lock of the sender's channels (evtchn_send, common/event_channel.c). */
const SEND = 1 + SET_PENDING;
/** Words with events taken (evtchn_do_upcall, arch/xen/kernel/evtchn.c), event masked, cleared (ack_dynirq), unmasked (end_dynirq). */
const TAKE = 4;
/**
 * A device's interrupt: its descriptor's lock (do_IRQ, arch/x86/irq.c), that of the I/O APIC (mask_IO_APIC_irq, io_apic.c), the domain's
 * bit (__do_IRQ_guest). When it has been handled: the descriptor's lock, the domain's bit (pirq_guest_unmask), that of the I/O APIC.
 */
const HAND_OVER = 3 + 3;

export const EVENT_LOCK_COSTS = ["hardware.locked-instruction"];

/** `raise`: by the hypervisor itself. `send`: by a domain. `take`: by the domain that it is for. */
export function eventLockCycles(profile: MachineProfile) {
  const locked = primitiveCost(profile, "hardware.locked-instruction");
  return {
    raise: SET_PENDING * locked,
    send: SEND * locked,
    take: TAKE * locked,
    /** Of a device, from the processor to the end of its handler. */
    interrupt: (HAND_OVER + SET_PENDING + TAKE) * locked,
  };
}
