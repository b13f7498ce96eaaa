/**
 * The paths through the guest kernel's own code: how long each is natively, and how many instructions it executes that a
 * VMM may have to do something about.
 *
 * Lengths come from the machine profile. The counts below are those of Linux 2.4 on one processor; `select` is that of
 * lmbench, on 100 TCP descriptors, three calls each (fget, sock_poll, tcp_poll). Calls are estimated from the path through
 * the source; those of the plain system calls were settled with the VMware row of Barham 2003, Table 3, in view. Flag
 * writes are counted in the source of Linux 2.4.22, configured for one processor and without debugging; what it executes
 * besides when it is configured for several: kernel-locks.ts.
 */
import { InputError } from "../core/input-error.ts";
import { cause } from "../core/ledger.ts";
import { type MachineProfile, primitiveCost } from "../machine/profile.ts";
import { LOCKED_INSTRUCTIONS } from "./kernel-locks.ts";

interface PathEvents {
  /** Call/return pairs and indirect jumps. */
  readonly calls: number;
  /** cli, sti and popf. */
  readonly flagWrites: number;
}

/**
 * A section that is kept from interrupts: cli, and popf or sti at its end. Spin locks vanish on one processor, but
 * spin_lock_irqsave and spin_lock_irq still are this; spin_lock and spin_lock_bh write no flag. Every kmem_cache_alloc,
 * kmem_cache_free, kmalloc and kfree is one (mm/slab.c), every page taken from or given back to a zone (rmqueue,
 * __free_pages_ok, mm/page_alloc.c), and every __wake_up, whether or not anybody waits (kernel/sched.c).
 */
const SECTION = 2;
/** do_page_fault comes through an interrupt gate, and sets the flag itself (arch/i386/mm/fault.c). */
const FAULT = 1;
/** send_sig_info with the sigqueue it allocates; sti (signal_return), dequeue_signal, its sigqueue freed, handle_signal, sigreturn. */
const SIGNAL = 2 * SECTION + 1 + 4 * SECTION;
/** Mappings of a small program that is linked dynamically with two libraries (kmem_cache_alloc and -free in mm/mmap.c). */
const MAPPINGS = 12;

/**
 * The cli of ret_from_sys_call (entry.S) is in no path: every entry to the kernel has one, and it is a part of what an entry
 * costs, natively and with each VMM. A page that goes back is counted with its allocation: each is freed once.
 */
const PATH_EVENTS = {
  "syscall-null": { calls: 1, flagWrites: 0 },
  "syscall-null-io": { calls: 4, flagWrites: 0 },
  // getname, putname
  "syscall-stat": { calls: 18, flagWrites: 2 * SECTION },
  // getname, putname; the struct file comes from a list of free ones (get_empty_filp)
  "syscall-open-close": { calls: 30, flagWrites: 2 * SECTION },
  // select_bits_alloc, select_bits_free; with a timeout of 0 nobody waits in a queue
  "syscall-select": { calls: 305, flagWrites: 2 * SECTION },
  // a wake-up by pipe_write, one by pipe_read; what waiting takes is in context-switch
  "syscall-pipe": { calls: 30, flagWrites: 2 * SECTION },
  // getname, putname, d_alloc, alloc_inode; a handle of the journal: new_handle, wake-up and kfree by journal_stop
  "syscall-create-file": { calls: 180, flagWrites: 7 * SECTION },
  // getname, putname, d_free, destroy_inode; two handles of the journal (ext3_unlink, ext3_delete_inode)
  "syscall-delete-file": { calls: 90, flagWrites: 10 * SECTION },
  // do_sigaction
  "signal-install": { calls: 3, flagWrites: SECTION },
  "signal-handle": { calls: 30, flagWrites: SIGNAL },
  // alloc_pages, __free_pages_ok
  "page-fault": { calls: 14, flagWrites: FAULT + 2 * SECTION },
  "copy-on-write": { calls: 16, flagWrites: FAULT + 2 * SECTION },
  "file-fault": { calls: 18, flagWrites: FAULT },
  "map-around": { calls: 4, flagWrites: 0 },
  // force_sig_info, and the signal
  "protection-fault": { calls: 26, flagWrites: FAULT + SECTION + SIGNAL },
  // alloc_task_struct, copy_files, copy_fs, copy_sighand, mm_alloc, tasklist_lock; a vm_area_struct for each mapping
  fork: { calls: 260, flagWrites: (6 + MAPPINGS) * SECTION },
  // the same without memory; wait_for_completion (two), complete
  vfork: { calls: 200, flagWrites: 8 * SECTION },
  "copy-region": { calls: 20, flagWrites: SECTION },
  "copy-entry": { calls: 0, flagWrites: 0 },
  // getname, putname, two pages of arguments, program headers and interpreter's name (six), the old mappings and half as
  // many new ones; then ld.so: three opens, five mappings, two of them over others (do_munmap), one unmapped
  exec: { calls: 1200, flagWrites: (10 + 1.5 * MAPPINGS + 18) * SECTION },
  // the mappings, mm, files, fs, signal_struct and its lock, real_timer; exit_notify: tasklist_lock, SIGCHLD (ignored),
  // wake-up of the parent; release_task: unhash_process, free_task_struct
  exit: { calls: 220, flagWrites: (MAPPINGS + 11) * SECTION },
  "zap-entry": { calls: 1, flagWrites: 0 },
  "protect-entry": { calls: 0, flagWrites: 0 },
  // vm_area_struct
  mmap: { calls: 30, flagWrites: SECTION },
  // vm_area_struct, a spare one allocated and freed
  munmap: { calls: 30, flagWrites: 3 * SECTION },
  // split_vma's work: mprotect_fixup_start and others
  mprotect: { calls: 25, flagWrites: SECTION },
  // add_wait_queue, schedule, try_to_wake_up, remove_wait_queue
  "context-switch": { calls: 8, flagWrites: 4 * SECTION },
  "read-file-page": { calls: 12, flagWrites: 0 },
  // alloc_pages, new_handle, buffer_head, journal_head, wake-up and kfree by journal_stop; a third of the handle with which
  // each write call dirties its inode (ext3_dirty_inode), for the three pages of lmbench's file
  "write-file-page": { calls: 30, flagWrites: 7 * SECTION },
  // journal_head, buffer_head, wake-up of who waits for buffer heads (try_to_free_buffers), __free_pages_ok
  "release-file-page": { calls: 30, flagWrites: 4 * SECTION },
  "disk-request": { calls: 80, flagWrites: 14 },
  "disk-completion": { calls: 40, flagWrites: 8 },
  // sk_buff and its data, their clone (skb_head_from_pool), the clone's end (dev_kfree_skb_irq, skb_head_to_pool), and their own
  "send-packet": { calls: 60, flagWrites: 7 * SECTION },
  // sk_buff and its data, allocated and freed; a timer is set (mod_timer)
  "receive-packet": { calls: 55, flagWrites: 5 * SECTION },
  "disk-driver": { calls: 15, flagWrites: 4 },
  // tg3: tg3_start_xmit; of an incoming packet its share of a poll (tg3_poll two, tg3_interrupt, net_rx_action two)
  "network-driver": { calls: 10, flagWrites: SECTION },
  // handle_IRQ_event: sti and cli; do_softirq: cli, sti, cli, popf
  interrupt: { calls: 6, flagWrites: 6 },
  // update_times, run_timer_list
  "timer-interrupt": { calls: 20, flagWrites: 2 * SECTION },
  reclaim: { calls: 10, flagWrites: SECTION },
} as const satisfies Record<string, PathEvents>;

/** What an SMP kernel needs besides: what the prefix LOCK adds to an instruction. */
export const LOCKED_INSTRUCTION = "hardware.locked-instruction";

export type KernelPathName = keyof typeof PATH_EVENTS;

/** Every path a machine profile must give the length of. */
export const KERNEL_PATH_NAMES = Object.keys(PATH_EVENTS) as readonly KernelPathName[];

export interface KernelPath extends PathEvents {
  /** Number of the path, from 0: its place in a translation cache. */
  readonly id: number;
  readonly name: KernelPathName;
  /**
   * Native cycles of the code itself, the locked instructions of an SMP kernel among them, which no VMM changes; what
   * {@link PathEvents} cost natively comes on top. NaN where the machine profile does not give it: a simulation that runs
   * the path has no result then ({@link requireKernelPaths}).
   */
  readonly cycles: number;
}

export type KernelPaths = Readonly<Record<KernelPathName, KernelPath>>;

/** Throws an {@link InputError} when a simulation ran paths whose length the machine doesn't give. */
export function requireKernelPaths(profile: MachineProfile, simulatedCycles: number): void {
  if (!Number.isNaN(simulatedCycles)) return;
  const missing = KERNEL_PATH_NAMES.filter((name) => profile.kernelPaths[name] === undefined);
  throw new InputError(
    `machine "${profile.name}" does not give the length of a kernel path that this work runs; it lacks kernel-paths ${missing.join(", ")}`,
  );
}

/** The paths with their lengths on a machine. */
export function kernelPaths(profile: MachineProfile): KernelPaths {
  const locked = profile.smpKernel === true ? primitiveCost(profile, LOCKED_INSTRUCTION) : 0;
  const entries = KERNEL_PATH_NAMES.map((name, id) => {
    const cycles = (profile.kernelPaths[name] ?? Number.NaN) + locked * LOCKED_INSTRUCTIONS[name];
    const path: KernelPath = { id, name, cycles, ...PATH_EVENTS[name] };
    return [name, path] as const;
  });
  return Object.fromEntries(entries) as unknown as KernelPaths;
}

/** Cycles of a path on the bare machine, its calls and flag writes among them. */
export function nativeCycles({ cycles, calls, flagWrites }: KernelPath, profile: MachineProfile): number {
  return (
    cycles +
    calls * primitiveCost(profile, "hardware.call-return") +
    flagWrites * primitiveCost(profile, "hardware.flag-write")
  );
}

export const GUEST_KERNEL = cause("guest.kernel");
export const GUEST_USER = cause("guest.user");
