/** What differs between the guest kernels, as data. */
import type { DirtyShares } from "./dirty-limits.ts";
import type { KernelName } from "../machine/profile.ts";

export interface KernelVersion {
  readonly layout: Layout;
  /** It is 2.6, with the paths of 2.4: other pages of the kernel's memory are visited. */
  readonly isLinux26: boolean;
  /** Pages that a read fault of a file maps at once, aligned, as far as they are in the page cache. */
  readonly faultAroundPages: number;
  /** Pages that a fault of a mapped file reads at once, around the one that is missing. */
  readonly readAroundPages: number;
  /** Fork copies entries of mappings that have no private pages, too; otherwise the child faults them in again. */
  readonly copiesFileMappings: boolean;
  /** Fork and exit take time for each private mapping of a process, apart from its pages (anon_vma_fork, mm/rmap.c). */
  readonly copiesRegions: boolean;
  /** Page tables that are not needed any more are kept for the next process, not freed. */
  readonly keepsTables: boolean;
  /** The end of an address space flushes the TLB for each of its mappings, and once more when the tables are gone. */
  readonly flushesEachMapping: boolean;
  /** munmap invalidates one page even if nothing was mapped in the range. */
  readonly flushesEmptyUnmaps: boolean;
  /** mprotect invalidates its whole range, whatever is written there, and if nothing is. */
  readonly flushesUnchanged: boolean;
  /** mprotect invalidates up to so many pages one by one, more of them by a flush. */
  readonly singlePageInvalidations: number;
  /** Flushes of the TLB and minor faults are counted apart, since there are counts of the real kernel to compare with. */
  readonly countsFlushesAndMinorFaults: boolean;
  /**
   * A signal that is caught comes with a write of the debug control register, whether or not there are breakpoints (do_signal,
   * arch/i386/kernel/signal.c, up to Linux 2.6.9; not on x86-64).
   */
  readonly signalsWriteDebugRegister: boolean;
  /** Timer interrupts a second that it asks for, on each processor (HZ). */
  readonly hz: number;
  /**
   * It asks for one timer interrupt at a time, and for none while a processor is idle (clock events, kernel/time/clockevents.c, and
   * CONFIG_NO_HZ_COMMON); otherwise a device interrupts in any case, and Xen when it sees fit.
   */
  readonly dynamicTicks: boolean;
  /** Accesses to registers of the interrupt controllers, or to that of the processor, in the interrupt of a device. */
  readonly controllerAccesses: number;
  /** Accesses, in an interrupt of the clock, to registers of its interrupt controller and of the timer. */
  readonly tickAccesses: number;
  /** Writes to port 0x80 besides, which no device answers: each of them is a pause. */
  readonly tickPauses: number;
  /** Instructions that write when a page is cleared or copied to. */
  readonly pageStores: number;
  /** A read of private memory that nobody has written maps a page of zeros that all share (do_anonymous_page, mm/memory.c). */
  readonly mapsZeroPage: boolean;
  /** A copy-on-write fault clears and invalidates the old entry before it sets the new one. */
  readonly clearsBeforeCopy: boolean;
  /** exec builds a new address space and drops the old one; otherwise it empties and uses the one there is. */
  readonly execsIntoNewSpace: boolean;
  /** Pages of files above what the kernel maps for good are mapped one by one for each copy; else they stay mapped for many. */
  readonly mapsEachCopy: boolean;
  /** Pages of files are replaced by their ages (2.4.0 to 2.4.9), where others have two lists. */
  readonly agesPages: boolean;
  /** What it keeps besides a page of a file, by which it reads and writes the page, takes memory that the page cache has not. */
  readonly keepsBufferHeads: boolean;
  /** Most pages of a request to the disk that is put together of several, of files or of swap space; Infinity: it is not known. */
  readonly requestPages: number;
  /** When dirty pages of files are written back. */
  readonly dirty: DirtyShares;
  /** Between clone and exit of a child that does nothing else, with a C library. */
  readonly fork: ForkVisits;
  /**
   * Nothing runs in the address space of the process that slept last, but in one that has the kernel alone: two switches more for
   * each sleep.
   */
  readonly idlesInOwnSpace: boolean;
  /** A process that finds its socket buffer full is woken up for each acknowledgement, not only when a third of it is free. */
  readonly wakesSendersEachTime: boolean;
  /**
   * Segment registers, that of the task among them, that a switch to another process loads: those that are not in the price of a
   * switch of roots, which lmbench's switches settle for 2.4 as released, the two that it loads among them.
   */
  readonly switchedSegments: number;
  /** The parent of a vfork runs as soon as its child has an address space of its own, until it waits for the child's end. */
  readonly vforkParentWakes: boolean;
  /**
   * Private pages of a new image that the kernel itself writes before the program runs: arguments (that page is there already), the end of
   * the data.
   */
  readonly execKernelWrites: number;
  /** Mappings of a program besides the parts of its image here: those of the dynamic linker and of libraries. */
  readonly furtherMappings: number;
  /** System calls around a fork (wait4; set_robust_list of the C library), and of library and linker when a program starts. */
  readonly forkCalls: number;
  readonly startCalls: number;
  /** CPUID instructions of the C library when a program starts. */
  readonly startCpuids: number;
}

/** Where the parts of a process lie, in pages of virtual memory. */
export interface Layout {
  readonly textStart: number;
  /** How far the heap begins after the end of the data; 0: there is no heap apart from the data. */
  readonly heapGap: number;
  /** Code, constants and the parts of the data are mappings of their own, and the kernel adds two (vvar, vdso). */
  readonly hasSegments: boolean;
  readonly stackEnd: number;
  /** Where the kernel's part of the address space begins. */
  readonly userEnd: number;
  /** Anonymous page 0 of Op.Touch; on the border of a page table. */
  readonly anonymousStart: number;
}

/** Visits around a fork, in order. Private pages are numbered from 0 in each process. */
export interface ForkVisits {
  /** Private pages that the parent writes before it waits. */
  readonly parentWrites: number;
  /** The next private pages, written by the kernel on behalf of the child, and by it for the parent after the wait. */
  readonly kernelWrites: number;
  /** Text pages the child runs through, and the private pages from 0 that it writes. */
  readonly childReads: number;
  readonly childWrites: number;
  /** Private pages from 0 that the parent writes after the wait. */
  readonly parentWritesAfter: number;
  /** Pages of the program behind {@link childReads} that the kernel reads when a child execs: the name of the file. */
  readonly kernelReadsBeforeExec: number;
}

export const KERNEL_VERSIONS: Readonly<Record<KernelName, KernelVersion>> = {
  "linux-2.4": {
    // IA-32: program text at 0x08048000, stack below 0xC0000000, anonymous memory at 256 MiB.
    layout: {
      textStart: 0x08048,
      heapGap: 0,
      hasSegments: false,
      stackEnd: 0xbfff0,
      userEnd: 0xc0000,
      anonymousStart: 0x10000,
    },
    isLinux26: false,
    faultAroundPages: 1,
    readAroundPages: 1,
    copiesFileMappings: true,
    copiesRegions: false, // part of the path of fork
    keepsTables: true, // see PageTableFrames
    // tlb_finish_mmu in zap_page_range, mm/memory.c; flush_tlb_mm in exit_mmap, mm/mmap.c (2.4.22; clear_page_tables flushes nothing)
    flushesEachMapping: true,
    flushesEmptyUnmaps: false,
    flushesUnchanged: true, // change_protection, mm/mprotect.c
    singlePageInvalidations: 0, // flush_tlb_range, include/asm-i386/pgalloc.h
    countsFlushesAndMinorFaults: false,
    signalsWriteDebugRegister: true,
    hz: 100, // include/asm-i386/param.h
    dynamicTicks: false,
    // arch/i386/kernel/i8259.c. PCI devices are on lines of the second controller: mask_and_ack_8259A reads and writes the mask and
    // ends the interrupt at both, end_8259A_irq writes the mask again.
    controllerAccesses: 5,
    // Line 0 of the first: mask read and written, interrupt ended, mask written again. Then timer_interrupt, arch/i386/kernel/time.c, on a
    // processor with a time-stamp counter: outb_p, inb_p and inb of the 8254, of which the first two pause (include/asm-i386/io.h).
    tickAccesses: 7,
    tickPauses: 2,
    pageStores: 1, // rep stosl, rep movsl: clear_page and copy_page, include/asm-i386/page.h
    mapsZeroPage: false, // part of the path of a fault
    clearsBeforeCopy: false,
    agesPages: false,
    keepsBufferHeads: false,
    requestPages: Infinity,
    mapsEachCopy: false, // file_read_actor, mm/filemap.c: kmap, by which a thousand stay mapped
    // bdf_prm, fs/buffer.c: nfract, nfract_stop_bdflush and nfract_sync; nr_free_buffer_pages, mm/page_alloc.c; NRSYNC (2.4.22)
    dirty: { background: 30, stop: 20, throttle: 60, batch: 32, of: "memory" },
    execsIntoNewSpace: false, // exec_mmap, fs/exec.c: a process that does not share its address space keeps it
    idlesInOwnSpace: false, // schedule, kernel/sched.c: active_mm stays
    wakesSendersEachTime: false, // tcp_write_space and tcp_min_write_space, net/ipv4/tcp.c and include/net/tcp.h
    switchedSegments: 0,
    // Faults of lat_proc (lmbench 3) on Linux 2.4.20, with the glibc of Red Hat 6.2 and with that of Red Hat 9
    // (docs/kernel-operations/linux-2.4): the parent copies 2 private pages, the child 3 before it execs. That it runs through 12
    // pages of text is counted with glibc 2.36.
    fork: {
      parentWrites: 0,
      kernelWrites: 0,
      childReads: 12,
      childWrites: 3,
      parentWritesAfter: 2,
      kernelReadsBeforeExec: 0,
    },
    vforkParentWakes: false,
    execKernelWrites: 0,
    furtherMappings: 9, // of twelve (kernel-paths.ts): text, data and stack are there
    // What they do is in the paths of exit and exec; at the start 23 ran with glibc 2.3.2, 28 with 2.1.3 (docs/kernel-operations/linux-2.4).
    forkCalls: 1,
    startCalls: 25,
    startCpuids: 0,
  },
  "linux-6.1": {
    // x86-64 with randomized placement: text, heap, anonymous mappings and stack each in a page table of their own; the
    // stack 8 GB below the end, the mean of 0 to 16 (STACK_RND_MASK, fs/binfmt_elf.c), so that the page of arguments, which
    // exec writes at the end first, has a table more of its own on the level above. The upper half of 31-bit page numbers
    // stands for the 47-bit one: the same number of tables on each level.
    layout: {
      textStart: 0x400,
      heapGap: 0x1000,
      hasSegments: true,
      stackEnd: 0x77e00100,
      userEnd: 0x78000000,
      anonymousStart: 0x70000000,
    },
    isLinux26: false,
    // fault_around_bytes is 64 KiB (Linux 6.1, mm/memory.c).
    faultAroundPages: 16,
    readAroundPages: 32, // read_ahead_kb is 128 (do_sync_mmap_readahead, mm/filemap.c)
    copiesFileMappings: false, // vma_needs_copy, mm/memory.c
    copiesRegions: true,
    keepsTables: false,
    flushesEachMapping: false, // exit_mmap, mm/mmap.c: the address space is not in use any more
    // free_p4d_range sets freed_tables where a mapping is alone in its 512 GB, as half of those placed at random are, though
    // with four levels there is nothing to free (p4d_free_tlb): one tlb_flush of one page in the trace of real events.
    flushesEmptyUnmaps: true,
    flushesUnchanged: false, // pte_needs_flush, arch/x86/include/asm/tlbflush.h
    singlePageInvalidations: 33, // tlb_single_page_flush_ceiling, arch/x86/mm/tlb.c
    countsFlushesAndMinorFaults: true, // tlb:tlb_flush, include/trace/events/tlb.h; ru_minflt
    signalsWriteDebugRegister: false,
    // Debian 12 (linux-headers-6.1.0-56-amd64, .config): CONFIG_HZ=250, CONFIG_NO_HZ_FULL=y, which is like CONFIG_NO_HZ_IDLE unless
    // processors are named for more. 250 is what kernel/Kconfig.hz proposes, too.
    hz: 250,
    dynamicTicks: true,
    controllerAccesses: 1, // the end of the interrupt: ack_APIC_irq, arch/x86/include/asm/apic.h
    tickAccesses: 2, // that, and lapic_next_event or lapic_next_deadline, arch/x86/kernel/apic/apic.c, for the next one
    tickPauses: 0,
    pageStores: 1, // rep stosb or stosq: clear_page, arch/x86/lib/clear_page_64.S
    mapsZeroPage: true,
    clearsBeforeCopy: true, // wp_page_copy, mm/memory.c
    execsIntoNewSpace: true,
    agesPages: false,
    keepsBufferHeads: false,
    requestPages: Infinity,
    mapsEachCopy: false, // there is no such memory on x86-64
    // vm.dirty_background_ratio 10 and vm.dirty_ratio 20, of global_dirtyable_memory; waits begin half-way between the two
    // (dirty_freerun_ceiling; mm/page-writeback.c). That it writes as many at a time as 2.4 is assumed.
    dirty: { background: 10, stop: 10, throttle: 15, batch: 32, of: "files" },
    idlesInOwnSpace: false,
    wakesSendersEachTime: false,
    switchedSegments: 0,
    // The 8 minor faults of fork_exit by address in a trace of real events: 6 from user mode (the parent copies its stack; the
    // child copies two pages of data, takes over the stack and runs through two windows of text), 2 from the kernel (it
    // copies the page with the thread's number for the child, and takes over that of the parent after the child's end).
    // One window more before an exec: 16 set_pte and one fault that vfork_exec has not, whose child uses its parent's entries;
    // the trace has it in strncpy_from_user, where the kernel reads the name of the file.
    fork: {
      parentWrites: 1,
      kernelWrites: 1,
      childReads: 32,
      childWrites: 4,
      parentWritesAfter: 0,
      kernelReadsBeforeExec: 1,
    },
    vforkParentWakes: true, // four switches a turn of vfork_exec in the count of real events
    execKernelWrites: 4,
    furtherMappings: 0, // linked statically
    forkCalls: 2,
    // glibc 2.36, static: brk four times, arch_prctl, set_tid_address, set_robust_list, rseq, prlimit64, readlinkat,
    // getrandom; mprotect is made besides.
    startCalls: 11,
    // 33 emulated instructions an exec with nested paging, where nothing but CPUID exits (insn_emulation of KVM).
    startCpuids: 33,
  },
};
