/**
 * Interrupts of a User-Mode Linux guest, which are signals of the host. That of a file that can be read is SIGIO, whose handler
 * goes round until poll finds nothing more; a file that was found is left out of the next polls until its driver has it put
 * back, for which it takes a lock and asks the host whether the file is a terminal (sigio_handler, reactivate_fd and
 * maybe_sigio_broken, arch/um/kernel/irq_user.c; as Linux 2.5.59 had taken them over from 2.4 for um in February 2003).
 */

/** Host calls for the signal mask before a handler: SIGUSR1 is let through again (sig_handler_common_skas). */
export const MASK_CALLS_OF_SIGNAL = 1;
/**
 * Host calls for the signal mask behind it. The handlers of the devices do without sti before them (SA_INTERRUPT); there are the
 * cli after them and, of do_softirq, local_irq_save, sti, cli and local_irq_restore (arch/um/kernel/irq.c, kernel/softirq.c).
 */
export const MASK_CALLS_OF_INTERRUPT = 7;
/** Polls of a signal that finds one file. */
export const POLLS = 2;
/** Host calls to put a file back: irq_lock and irq_unlock change the signal mask; isatty. */
export const MASK_CALLS_TO_REACTIVATE = 4;
export const CALLS_TO_REACTIVATE = 1;
