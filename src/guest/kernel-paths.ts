/**
 * The paths through the guest kernel's own code: how long each is natively, and how many instructions it executes that a
 * VMM may have to do something about.
 *
 * Lengths come from the machine profile. The counts below are those of Linux 2.4 on one processor. Calls were counted while
 * Linux 2.4.20 ran (docs/kernel-operations/linux-2.4, validation/linux-2.4.20-counts.json), apart from those said to be
 * estimated from the path through the source; `select` is that of lmbench, on 100 TCP descriptors. Writes of the interrupt
 * flag are counted in the source of Linux 2.4.22, configured for one processor and without debugging, and agree with those
 * that ran, instruction by instruction; what it executes besides when it is configured for several: kernel-locks.ts.
 */
import { InputError } from "../core/input-error.ts";
import { cause } from "../core/ledger.ts";
import { type MachineProfile, primitiveCost } from "../machine/profile.ts";
import { LOCKED_INSTRUCTIONS } from "./kernel-locks.ts";

/** Writes of the interrupt flag. */
export interface FlagWrites {
  readonly cli: number;
  readonly sti: number;
  /** Of what pushf has saved: as many of those. */
  readonly popf: number;
}

interface PathEvents extends FlagWrites {
  /** Returns, indirect calls and indirect jumps: where control goes is not known before. */
  readonly calls: number;
}

const NO_FLAGS: FlagWrites = { cli: 0, sti: 0, popf: 0 };

/**
 * Sections that are kept from interrupts: pushf and cli, and popf at the end of each. Spin locks vanish on one processor, but
 * spin_lock_irqsave still is this; spin_lock and spin_lock_bh write no flag. Every kmem_cache_alloc, kmem_cache_free, kmalloc
 * and kfree is one (mm/slab.c), every page taken from or given back to a zone (rmqueue, __free_pages_ok, mm/page_alloc.c),
 * and every __wake_up, whether or not anybody waits (kernel/sched.c).
 */
function sections(count: number, more: Partial<FlagWrites> = {}): FlagWrites {
  return { cli: count + (more.cli ?? 0), sti: more.sti ?? 0, popf: count + (more.popf ?? 0) };
}

/** do_page_fault comes through an interrupt gate, and sets the flag itself (arch/i386/mm/fault.c). */
const FAULT = { sti: 1 };
/** spin_lock_irq, spin_unlock_irq: nothing is saved. */
const UNSAVED = { cli: 1, sti: 1 };
/** Mappings of a small program that is linked dynamically with two libraries (kmem_cache_alloc and -free in mm/mmap.c). */
const MAPPINGS = 12;

/**
 * The cli of ret_from_sys_call (entry.S) is in no path: every entry to the kernel has one, and it is a part of what an entry
 * costs, natively and with each VMM. A page that goes back is counted with its allocation: each is freed once.
 */
const PATH_EVENTS = {
  "syscall-null": { calls: 2, ...NO_FLAGS },
  // of one byte read from /dev/zero; written to /dev/null it is one less
  "syscall-null-io": { calls: 7, ...NO_FLAGS },
  // getname, putname
  "syscall-stat": { calls: 26, ...sections(2) },
  // getname, putname; the struct file comes from a list of free ones (get_empty_filp)
  "syscall-open-close": { calls: 43, ...sections(2) },
  // select_bits_alloc, select_bits_free; with a timeout of 0 nobody waits in a queue
  "syscall-select": { calls: 609, ...sections(2) },
  // a wake-up by pipe_write, one by pipe_read; what waiting takes is in context-switch
  "syscall-pipe": { calls: 18, ...sections(2) },
  // getname, putname, d_alloc, alloc_inode; a handle of the journal: new_handle, wake-up and kfree by journal_stop
  "syscall-create-file": { calls: 251, ...sections(7) },
  // getname, putname, d_free, destroy_inode; two handles of the journal (ext3_unlink, ext3_delete_inode)
  "syscall-delete-file": { calls: 275, ...sections(9) },
  // do_sigaction, of a handler
  "signal-install": { calls: 3, ...NO_FLAGS },
  // kill, send_sig_info with the sigqueue it allocates, dequeue_signal, handle_signal and sigreturn as they ran
  "signal-handle": { calls: 23, cli: 6, sti: 4, popf: 3 },
  // alloc_pages, __free_pages_ok
  "page-fault": { calls: 14, ...sections(2, FAULT) },
  "copy-on-write": { calls: 16, ...sections(2, FAULT) },
  "file-fault": { calls: 12, ...NO_FLAGS, ...FAULT },
  "map-around": { calls: 4, ...NO_FLAGS }, // Linux 2.4 has none; estimated
  // force_sig_info in place of kill, and the signal
  "protection-fault": { calls: 26, cli: 7, sti: 5, popf: 4 },
  // alloc_task_struct, copy_files, copy_fs, copy_sighand, mm_alloc, tasklist_lock; a vm_area_struct for each mapping. Calls:
  // of a process with 14 mappings
  fork: { calls: 93, ...sections(6 + MAPPINGS) },
  // the same without memory; wait_for_completion (two), complete
  vfork: { calls: 12, ...sections(8) },
  "copy-region": { calls: 20, ...sections(1) },
  "copy-entry": { calls: 0, ...NO_FLAGS },
  // getname, putname, two pages of arguments, program headers and interpreter's name (six), the old mappings and half as
  // many new ones; then ld.so: three opens, five mappings, two of them over others (do_munmap), one unmapped. Calls: 249 of
  // a program linked statically, less its faults and the old pages, and what those calls of ld.so make
  exec: { calls: 600, ...sections(10 + 1.5 * MAPPINGS + 18) },
  // the mappings, mm, files, fs, signal_struct and its lock, real_timer; exit_notify: tasklist_lock, SIGCHLD (ignored),
  // wake-up of the parent; release_task: unhash_process, free_task_struct. Calls: of 14 mappings, less some 56 pages
  exit: { calls: 130, ...sections(MAPPINGS + 11) },
  // free_page_and_swap_cache and page_cache_release, and what they call
  "zap-entry": { calls: 3, ...NO_FLAGS },
  "protect-entry": { calls: 0, ...NO_FLAGS },
  // vm_area_struct
  mmap: { calls: 18, ...sections(1) },
  // vm_area_struct, a spare one allocated and freed
  munmap: { calls: 22, ...sections(3) },
  // split_vma's work: mprotect_fixup_start and others
  mprotect: { calls: 16, ...sections(1) },
  // add_wait_queue, schedule, try_to_wake_up, remove_wait_queue
  "context-switch": { calls: 6, ...sections(3, UNSAVED) },
  "read-file-page": { calls: 13, ...NO_FLAGS },
  // alloc_pages, new_handle, buffer_head, journal_head, wake-up and kfree by journal_stop; a third of the handle with which
  // each write call dirties its inode (ext3_dirty_inode), for the three pages of lmbench's file
  "write-file-page": { calls: 228, ...sections(7) },
  // of a page in the cache, which has its block: new_handle, wake-up and kfree by journal_stop; a third of the call, as above
  "rewrite-file-page": { calls: 45, ...sections(4) },
  // journal_head, buffer_head, wake-up of who waits for buffer heads (try_to_free_buffers), __free_pages_ok
  "release-file-page": { calls: 72, ...sections(4) },
  // Calls of the disk's paths, of drivers, of an interrupt and of reclaim are estimated.
  "disk-request": { calls: 80, ...sections(7) },
  "disk-completion": { calls: 40, ...sections(4) },
  // sk_buff and its data, their clone (skb_head_from_pool), the clone's end (dev_kfree_skb_irq, skb_head_to_pool), and their own
  "send-packet": { calls: 47, ...sections(7) },
  // sk_buff and its data, allocated and freed; a timer is set (mod_timer). Calls: half of what a segment and its
  // acknowledgement make, sent and received over the loopback interface, less those of a packet sent
  "receive-packet": { calls: 34, cli: 5, sti: 3, popf: 2 },
  "disk-driver": { calls: 15, ...sections(2) },
  // tg3: tg3_start_xmit; of an incoming packet its share of a poll (tg3_poll two, tg3_interrupt, net_rx_action two)
  "network-driver": { calls: 10, ...sections(1) },
  // handle_IRQ_event: sti and cli; do_softirq: cli, sti, cli, popf
  interrupt: { calls: 6, cli: 3, sti: 2, popf: 1 },
  // update_times, run_timer_list; of an interrupt what is over
  "timer-interrupt": { calls: 16, cli: 6, sti: 2, popf: 3 },
  reclaim: { calls: 10, ...sections(1) },
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

/** What the bare machine takes for the instructions that {@link FlagWrites} counts. */
export const FLAG_WRITE_COSTS = ["hardware.cli", "hardware.sti", "hardware.pushf", "hardware.popf"];

/** Cycles of a path's writes of the interrupt flag on the bare machine. */
export function nativeFlagCycles({ cli, sti, popf }: FlagWrites, profile: MachineProfile): number {
  const cost = (instruction: string): number => primitiveCost(profile, `hardware.${instruction}`);
  return cli * cost("cli") + sti * cost("sti") + popf * (cost("pushf") + cost("popf"));
}

/** How often a path writes the interrupt flag, however it does. */
export function flagWritesOf({ cli, sti, popf }: FlagWrites): number {
  return cli + sti + popf;
}

/** Cycles of a path on the bare machine, its calls and flag writes among them. */
export function nativeCycles(path: KernelPath, profile: MachineProfile): number {
  const calls = path.calls * primitiveCost(profile, "hardware.call-return");
  return path.cycles + calls + nativeFlagCycles(path, profile);
}

export const GUEST_KERNEL = cause("guest.kernel");
export const GUEST_USER = cause("guest.user");
