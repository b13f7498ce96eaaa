/** Kernels as distributions built them: where each does otherwise than the kernel as it was released (kernel-version.ts). */
import type { KernelBuild, MachineProfile } from "../machine/profile.ts";
import { KERNEL_VERSIONS, type KernelVersion } from "./kernel-version.ts";

/**
 * Red Hat Enterprise Linux 3 for x86-64, the same from 2.4.21-4.EL to -63.EL: include/asm-x86_64/pgalloc.h has no quick
 * lists, so that a table is freed as soon as it is empty and a new one zeroed, and a process's parts lie in three entries
 * of its second level: program text at 4 MiB, mappings from a third of the address space on (TASK_UNMAPPED_64), the stack
 * at its end (STACK_TOP; include/asm-x86_64/processor.h and a.out.h). It clears and copies pages by a movq for each eight
 * bytes (arch/x86_64/lib/clear_page.S and copy_page.S). Writing back begins, and stops, with more dirty pages
 * (bdf_prm, fs/buffer.c). A process's own tables have three levels; in the one table of the fourth that a processor has, a
 * switch replaces the first entry and loads the root anew (switch_mm, include/asm-x86_64/mmu_context.h). Here each process has
 * all four levels, and its table of the fourth is what lasts over a switch: Xen, too, treats the third-level tables of such
 * kernels as the roots of others (sh_type_is_pinnable, xen/arch/x86/mm/shadow/private.h, 3.1). Its clock ticks as fast as that of
 * the kernel as released (include/asm-x86_64/param.h); a rate of 512 is in the configurations of some others of its kernels only
 * (CONFIG_HZ in configs/kernel-2.4.21-i686-smp.config).
 */
const RHEL_3: KernelVersion = {
  ...KERNEL_VERSIONS["linux-2.4"],
  layout: {
    textStart: 0x400,
    heapGap: 0,
    hasSegments: false,
    stackEnd: 0x7fc0000,
    userEnd: 0x7fc0000,
    anonymousStart: 0x2a95600,
  },
  keepsTables: false,
  signalsWriteDebugRegister: false,
  pageStores: 512,
  dirty: { background: 50, stop: 50, throttle: 80, batch: 32, of: "memory" },
};

/**
 * Red Hat 7.2 has Linux 2.4.7, which writes back as 2.4.0 does: bdflush stops where it begins (fs/buffer.c, nfract), and limits
 * are shares of what is free or inactive, and of a sixteenth of the active pages (nr_free_buffer_pages, mm/page_alloc.c). It writes
 * 64 buffers at a time (ndirty), and its pages have ages.
 */
const RED_HAT_7_2: KernelVersion = {
  ...KERNEL_VERSIONS["linux-2.4"],
  dirty: { background: 30, stop: 30, throttle: 60, batch: 64, of: "inactive" },
  agesPages: true,
  keepsBufferHeads: true,
  requestPages: 31, // of 255 sectors: MAX_SECTORS, include/linux/blkdev.h
  switchedSegments: 2, // FS and GS: the price of a switch on the machine of its guests is that of the page tables alone
};

/**
 * Red Hat 6.2 has Linux 2.2.17: __switch_to, arch/i386/kernel/process.c, loads TR, FS and GS, and CR3 also for the idle task, whose
 * page tables are swapper_pg_dir; sock_wfree and tcp_write_space, net/core/sock.c and net/ipv4/tcp.c, wake a sender up for each
 * packet that is freed. What else that does otherwise than 2.4 is left out.
 */
const RED_HAT_6_2: KernelVersion = {
  ...KERNEL_VERSIONS["linux-2.4"],
  idlesInOwnSpace: true,
  wakesSendersEachTime: true,
  switchedSegments: 3,
};

/**
 * Linux 2.6 up to 2.6.12: file_read_actor, mm/filemap.c, and filemap_copy_from_user, mm/filemap.h, use kmap_atomic. Its clock ticks a
 * thousand times a second (include/asm-i386/param.h of 2.6.12-rc2). What else that does otherwise than 2.4 is left out.
 */
const LINUX_2_6: KernelVersion = {
  ...KERNEL_VERSIONS["linux-2.4"],
  isLinux26: true,
  mapsEachCopy: true,
  signalsWriteDebugRegister: false,
  hz: 1000,
};

/**
 * Fedora Core 5 has 2.6.15 and later, whose clock ticks as fast as is chosen when they are configured: what kernel/Kconfig.hz proposes,
 * since what Fedora chose is not at hand.
 */
const FEDORA_CORE_5: KernelVersion = { ...LINUX_2_6, hz: 250 };

const BUILDS: Readonly<Record<KernelBuild, KernelVersion>> = {
  "linux-2.6": LINUX_2_6,
  "fedora-core-5": FEDORA_CORE_5,
  "redhat-6.2": RED_HAT_6_2,
  "rhel-3": RHEL_3,
  "redhat-7.2": RED_HAT_7_2,
};

/** The kernel of the guests on a machine. */
export function kernelVersion({ kernel, kernelBuild }: Pick<MachineProfile, "kernel" | "kernelBuild">): KernelVersion {
  return kernelBuild === undefined ? KERNEL_VERSIONS[kernel] : BUILDS[kernelBuild];
}
