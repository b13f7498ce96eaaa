/**
 * Locked instructions (a read-modify-write of memory with the prefix LOCK) on the paths of a Linux 2.4 kernel that is compiled
 * for several processors, and that one compiled for a single processor executes without the prefix or not at all. Counted in
 * the source of Linux 2.4.22 for IA-32 (include/asm-i386: spinlock.h, atomic.h, bitops.h, semaphore.h, rwsem.h), where nobody
 * waits for a lock. An xchg of memory locks in either kernel and is not counted.
 *
 * Not counted either: fork's clear_bit for each entry that it write-protects, interrupts between processors, and cache lines
 * that go from one processor to the other.
 */

/** spin_lock; spin_unlock is a plain store. */
const SPIN = 1;
/** read_lock and read_unlock, write_lock and write_unlock, or down and up of a semaphore of either kind. */
const PAIR = 2;
/** One step of a reference count (atomic_inc, atomic_dec_and_test), one flag (set_bit, test_and_set_bit). */
const ATOMIC = 1;

/** fget (file_lock, f_count) and fput. */
const DESCRIPTOR = PAIR + 2 * ATOMIC;
/** dput that gives back the last reference: atomic_dec_and_lock takes dcache_lock. */
const LAST_DPUT = SPIN + ATOMIC;
/** Names of lmbench's file (/usr/tmp/lmbench), without symbolic links, and of programs and libraries (/lib/libc.so.6). */
const FILE_NAMES = 3;
const PROGRAM_NAMES = 2;
/** path_lookup: fs->lock, mntget, dget; for each name dcache_lock, the entry's count, and that of its directory given back. */
const walk = (names: number): number => PAIR + 2 * ATOMIC + names * (SPIN + 2 * ATOMIC);
/** dentry_open: get_empty_filp and file_move take files_lock. */
const DENTRY_OPEN = 2 * SPIN;
/** get_unused_fd and fd_install; sys_close: file_lock, fput, files_lock, dput, mntput. */
const openAndClose = (names: number): number =>
  2 * PAIR + walk(names) + DENTRY_OPEN + PAIR + ATOMIC + SPIN + LAST_DPUT + ATOMIC;

const LRU_ADD = SPIN + ATOMIC; // pagemap_lru_lock, TestSetPageLRU
/** rmqueue and lru_cache_add; lru_cache_del and __free_pages_ok when the page goes (its last reference: zap-entry). */
const PAGE = SPIN + LRU_ADD + LRU_ADD + SPIN;
/** do_page_fault: mmap_sem; handle_mm_fault: page_table_lock, released while the page is got, and taken again. */
const FAULT = PAIR + 2 * SPIN;
/** __find_get_page (pagecache_lock, the count) and mark_page_accessed. */
const CACHED_PAGE = SPIN + 2 * ATOMIC;
const UNLOCK_PAGE = 2 * ATOMIC; // PG_launder, PG_locked

/** send_sig_info: sigmask_lock, nr_queued_signals, runqueue_lock (signal_wake_up). */
const SEND_SIGNAL = 2 * SPIN + ATOMIC;
/** do_signal: dequeue_signal, handle_signal; sigreturn: sigmask_lock each, and nr_queued_signals. */
const TAKE_SIGNAL = 3 * SPIN + ATOMIC;

/** Twelve mappings: code and data of the program, of ld.so and of two libraries; two of bss, heap and stack. */
const FILE_MAPPINGS = 8;
const ANONYMOUS_MAPPINGS = 4;
const OPEN_FILES = 3;
/** exit_mmap: page_table_lock; a mapping: zap_page_range, and of a file i_shared_lock and fput; clear_page_tables. */
const EXIT_MMAP = 2 * SPIN + FILE_MAPPINGS * (2 * SPIN + ATOMIC) + ANONYMOUS_MAPPINGS * SPIN;
/** do_mmap_pgoff of a file: get_file; vma_link: i_shared_lock, page_table_lock. */
const MAP_FILE = ATOMIC + 2 * SPIN;
/** do_munmap of a mapping of a file: page_table_lock, zap_page_range, i_shared_lock, fput. */
const UNMAP_FILE = 3 * SPIN + ATOMIC;

/** open_exec: the path, dentry_open, deny_write_access. */
const OPEN_EXEC = walk(PROGRAM_NAMES) + DENTRY_OPEN + SPIN;
/** Program, first page of it (prepare_binprm), headers, interpreter's name, interpreter, its headers. */
const KERNEL_READS = 5 * (CACHED_PAGE + ATOMIC);
/** Two pages of arguments (alloc_page, put_dirty_page), binfmt_lock twice, a descriptor of the program and its end. */
const EXEC_ARGUMENTS = 2 * (PAGE + SPIN) + 2 * PAIR + 2 * PAIR + ATOMIC + PAIR + ATOMIC;
/** allow_write_access and fput of both files; flush_old_exec: two times sigmask_lock, file_lock, the mappings. */
const EXEC_FLUSH = 4 * ATOMIC + 2 * SPIN + PAIR + EXIT_MMAP;
/** setup_arg_pages; elf_map four times; do_brk twice. */
const EXEC_MAPPINGS = PAIR + 4 * (PAIR + MAP_FILE) + 2 * SPIN;
/** ld.so: three opens, two reads (dnotify_parent takes dcache_lock), three fstats, five mappings, two over others, one unmapped. */
const LD_SO =
  3 * openAndClose(PROGRAM_NAMES) +
  2 * (DESCRIPTOR + SPIN + CACHED_PAGE + ATOMIC) +
  3 * DESCRIPTOR +
  5 * (DESCRIPTOR + PAIR + MAP_FILE) +
  2 * UNMAP_FILE +
  PAIR +
  UNMAP_FILE;

/** sb_bread of a buffer that is there: hash_table_lock, its count, touch_buffer. */
const BREAD = PAIR + 2 * ATOMIC;
/**
 * journal_get_write_access (journal_datalist_lock three times, j_sem, BH_Lock, three flags of unlock_buffer) and
 * journal_dirty_metadata (j_sem, journal_datalist_lock, BH_JBDDirty), of a buffer that the transaction has already.
 */
const JOURNALLED = 3 * SPIN + PAIR + 4 * ATOMIC + PAIR + SPIN + ATOMIC;
/** ext3_mark_inode_dirty: the inode's block read, journalled and given back. */
const MARK_INODE_DIRTY = BREAD + JOURNALLED + ATOMIC;
/** journal_start (j_sem) and journal_stop (a wake-up). */
const HANDLE = PAIR + SPIN;
/** Bitmap, group descriptor and super block, under lock_super. */
const ALLOCATION = PAIR + 3 * JOURNALLED;
/** ext3_orphan_add, ext3_orphan_del: lock_super, super block, inode. */
const ORPHAN = PAIR + JOURNALLED + MARK_INODE_DIRTY;
/** path_lookup of the directory, its i_sem; dput and mntput. */
const DIRECTORY = walk(FILE_NAMES - 1) + PAIR + 2 * ATOMIC;

/** Of a call that writes three pages, a third: descriptor, dnotify_parent, i_sem, ext3_dirty_inode. */
const THIRD_OF_WRITE = Math.round((DESCRIPTOR + SPIN + PAIR + SPIN + HANDLE + MARK_INODE_DIRTY + SPIN) / 3);

/** By path, as kernel-paths.ts names them. */
export const LOCKED_INSTRUCTIONS = {
  // sys_getppid: mb, which only this kernel has
  "syscall-null": 1,
  // dnotify_parent: dcache_lock
  "syscall-null-io": DESCRIPTOR + SPIN,
  "syscall-stat": walk(FILE_NAMES) + LAST_DPUT + ATOMIC,
  "syscall-open-close": openAndClose(FILE_NAMES),
  // max_select_fd: file_lock; set_current_state is an xchg in this kernel alone; a descriptor each
  "syscall-select": PAIR + 1 + 100 * DESCRIPTOR,
  // read and write: the descriptor, PIPE_SEM, __wake_up, dnotify_parent
  "syscall-pipe": 2 * (DESCRIPTOR + PAIR + 2 * SPIN),
  // sys_open: two descriptor tables' locks, lookup_hash (a miss, d_alloc, BKL, a block of the directory, d_add), i_zombie, BKL;
  // ext3_new_inode; ext3_add_entry, d_instantiate; dentry_open, get_write_access; sys_close
  "syscall-create-file":
    2 * PAIR +
    DIRECTORY +
    (2 * SPIN + ATOMIC + SPIN + BREAD + ATOMIC + 2 * SPIN) +
    (PAIR + SPIN) +
    (HANDLE + ALLOCATION + 2 * SPIN + MARK_INODE_DIRTY) +
    (BREAD + JOURNALLED + MARK_INODE_DIRTY + ATOMIC + MARK_INODE_DIRTY + SPIN) +
    (DENTRY_OPEN + SPIN) +
    (PAIR + ATOMIC + SPIN + SPIN + ATOMIC + LAST_DPUT + ATOMIC),
  // lookup_hash, i_zombie, BKL; ext3_unlink: the entry, the directory's inode, ext3_orphan_add, the inode; d_delete, iput;
  // ext3_delete_inode: truncate_inode_pages, BKL, ext3_orphan_del, the inode, ext3_free_inode
  "syscall-delete-file":
    DIRECTORY +
    (SPIN + ATOMIC) +
    (PAIR + SPIN) +
    (HANDLE + BREAD + ATOMIC + JOURNALLED + MARK_INODE_DIRTY + ORPHAN + MARK_INODE_DIRTY) +
    (SPIN + LAST_DPUT) +
    (SPIN + SPIN + HANDLE + ORPHAN + MARK_INODE_DIRTY + ALLOCATION) +
    LAST_DPUT,
  // do_sigaction: siglock
  "signal-install": SPIN,
  // kill_proc_info: tasklist_lock
  "signal-handle": PAIR + SEND_SIGNAL + TAKE_SIGNAL,
  "page-fault": FAULT + PAGE + ATOMIC,
  // do_wp_page: TryLockPage and unlock_page of the old page, its count up and twice down
  "copy-on-write": FAULT + ATOMIC + UNLOCK_PAGE + 3 * ATOMIC + PAGE,
  "file-fault": FAULT + CACHED_PAGE,
  "map-around": 0, // not in this kernel
  // no handle_mm_fault; force_sig_info: sigmask_lock
  "protection-fault": PAIR + SPIN + SEND_SIGNAL + TAKE_SIGNAL,
  // rmqueue, two counts of the user, lastpid_lock; files; root and directory with their mounts; mmap_sem, mmlist_lock, the
  // mappings (page_table_lock of both; of a file get_file and i_shared_lock); tasklist_lock, runqueue_lock
  fork:
    SPIN +
    2 * ATOMIC +
    SPIN +
    (PAIR + OPEN_FILES * ATOMIC) +
    (PAIR + 4 * ATOMIC) +
    (PAIR + SPIN + FILE_MAPPINGS * (3 * SPIN + ATOMIC) + ANONYMOUS_MAPPINGS * 2 * SPIN) +
    (PAIR + SPIN),
  // wait_for_completion (two), complete
  vfork: SPIN + 2 * ATOMIC + SPIN + (PAIR + OPEN_FILES * ATOMIC) + (PAIR + 4 * ATOMIC) + (PAIR + SPIN) + 3 * SPIN,
  "copy-region": 0, // not in this kernel
  // get_page
  "copy-entry": ATOMIC,
  exec: 2 * OPEN_EXEC + KERNEL_READS + EXEC_ARGUMENTS + EXEC_FLUSH + EXEC_MAPPINGS + LD_SO,
  // del_timer_sync; mm_count (three), task_lock, mm_users and mmlist_lock, the mappings; BKL; files and fs with task_lock;
  // sigmask_lock; exit_notify: tasklist_lock (three), SIGCHLD, a wake-up; wait4: wait queue (two), tasklist_lock (two);
  // release_task: task_lock, two counts of the user, tasklist_lock, the task's pages
  exit:
    SPIN +
    (3 * ATOMIC + SPIN + ATOMIC + SPIN + EXIT_MMAP) +
    SPIN +
    (SPIN + ATOMIC + OPEN_FILES * ATOMIC) +
    (SPIN + ATOMIC + 4 * ATOMIC) +
    (SPIN + ATOMIC) +
    (3 * PAIR + 2 * SPIN) +
    (2 * SPIN + 2 * PAIR) +
    (SPIN + 2 * ATOMIC + PAIR + ATOMIC + SPIN),
  // page_cache_release
  "zap-entry": ATOMIC,
  "protect-entry": 0,
  mmap: DESCRIPTOR + PAIR + MAP_FILE,
  munmap: PAIR + UNMAP_FILE,
  // mprotect_fixup_all, change_protection: page_table_lock
  mprotect: PAIR + 2 * SPIN,
  // pipe_wait: wait queue (two), PIPE_SEM; runqueue_lock of try_to_wake_up and of schedule; switch_mm: cpu_vm_mask of both,
  // cpuvalid; __schedule_tail: task_lock, mb
  "context-switch": 2 * SPIN + PAIR + 2 * SPIN + 3 * ATOMIC + SPIN + 1,
  "read-file-page": CACHED_PAGE + ATOMIC,
  // A third of the call; __grab_cache_page; BKL; journal_start and -stop;
  // the buffer, its block, two flags of it; ext3_get_block: BKL, truncate_sem, inode; journal_dirty_data (new to the journal);
  // lists of dirty buffers; the inode's size; the page unlocked and given back
  "write-file-page":
    THIRD_OF_WRITE +
    (2 * SPIN + SPIN + ATOMIC + LRU_ADD) +
    (3 * SPIN + HANDLE) +
    (SPIN + ATOMIC + ALLOCATION + 3 * ATOMIC + PAIR) +
    (SPIN + PAIR + MARK_INODE_DIRTY) +
    (3 * SPIN + 2 * ATOMIC + SPIN + 2 * ATOMIC + SPIN) +
    (2 * SPIN + 2 * ATOMIC) +
    MARK_INODE_DIRTY +
    (UNLOCK_PAGE + 2 * ATOMIC),
  // A third of the call; find_lock_page; BKL; journal_start and -stop; journal_dirty_data of a buffer that the transaction has, and
  // its flag; the page unlocked and given back
  "rewrite-file-page":
    THIRD_OF_WRITE + (SPIN + 2 * ATOMIC) + (3 * SPIN + HANDLE) + (3 * SPIN + ATOMIC) + (UNLOCK_PAGE + 2 * ATOMIC),
  // truncate_inode_pages: pagecache_lock (two), the count, PG_locked; journal_flushpage: j_sem, BH_Lock and unlock_buffer,
  // journal_unmap_buffer with six flags; __journal_remove_journal_head; try_to_free_buffers: lru_list_lock, hash_table_lock,
  // unused_list_lock; flags and counts of the page, and its end; a third of the blocks' bitmap and of the inode's journalling
  "release-file-page":
    2 * SPIN +
    2 * ATOMIC +
    (PAIR + 4 * ATOMIC + 2 * SPIN + 6 * ATOMIC) +
    (SPIN + 3 * ATOMIC) +
    (2 * SPIN + PAIR) +
    (2 * ATOMIC + LRU_ADD + SPIN + 3 * ATOMIC + UNLOCK_PAGE + SPIN) +
    Math.round((ALLOCATION + HANDLE + 2 * MARK_INODE_DIRTY) / 3),
  // __make_request: io_request_lock (two); a buffer: BH_Lock, BH_Sync, BH_Req, BH_Launder, its count, a barrier; its page locked
  "disk-request": 2 * SPIN + 5 * ATOMIC + 1 + ATOMIC,
  // io_request_lock (three), unlock_buffer and its count, page_uptodate_lock, the page's flags, a wake-up
  "disk-completion": 3 * SPIN + 4 * ATOMIC + SPIN + ATOMIC + UNLOCK_PAGE + SPIN,
  // lock_sock and release_sock; the clone: socket and wmem_alloc up and down, its end in the interrupt; dataref up and twice down;
  // the route up and down, hh_lock; queue_lock (two), xmit_lock (an xchg in this kernel alone), mod_timer
  "send-packet": 2 * SPIN + 5 * ATOMIC + 3 * ATOMIC + 2 * ATOMIC + PAIR + 2 * SPIN + 1 + SPIN,
  // ip_route_input: the bucket's lock, the route up and down; tcp_v4_lookup: the same for the socket; bh_lock_sock, rmem_alloc up
  // and down; sock_def_readable: callback_lock, a wake-up; mod_timer; lock_sock and release_sock
  "receive-packet": PAIR + 2 * ATOMIC + PAIR + 2 * ATOMIC + SPIN + 2 * ATOMIC + PAIR + 2 * SPIN + 2 * SPIN,
  "disk-driver": SPIN,
  // tg3: tp->lock, or the share of a packet in a poll
  "network-driver": SPIN,
  // do_IRQ: desc->lock, again after the handler
  interrupt: 2 * SPIN,
  // xtime_lock, timerlist_lock, runqueue_lock
  "timer-interrupt": PAIR + 2 * SPIN,
  // pagemap_lru_lock, PG_locked and its end, pagecache_lock, page_table_lock, two flags, and the page's end
  reclaim: SPIN + ATOMIC + UNLOCK_PAGE + 2 * SPIN + 2 * ATOMIC + ATOMIC + LRU_ADD + SPIN,
} as const;
