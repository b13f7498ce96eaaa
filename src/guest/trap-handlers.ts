/**
 * The handlers that Linux registers with a hypervisor (trap_table and trap_init, arch/xen/i386/kernel/traps.c and
 * arch/xen/kernel/traps.c of XenLinux 2.6.11 and 2.4.30, Xen 2.0.6): those of the processor's exceptions, and that of system calls.
 */
import type { TrapHandler } from "./virtual-hardware.ts";

export const DIVIDE_ERROR = 0;
export const PAGE_FAULT = 14;
export const SYSTEM_CALL = 0x80;
const EXCEPTIONS = [DIVIDE_ERROR, 1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, PAGE_FAULT, 15, 16, 17, 18, 19];
/** INT 3, INTO and BOUND. */
const CALLABLE = [3, 4, 5, SYSTEM_CALL];

export const TRAP_HANDLERS: readonly TrapHandler[] = [...EXCEPTIONS, SYSTEM_CALL].map((vector) => ({
  vector,
  isCallable: CALLABLE.includes(vector),
  disablesInterrupts: false,
}));
