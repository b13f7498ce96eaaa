/**
 * The thread of a guest kernel that writes dirty pages of files to the disk while there are too many of them: bdflush of
 * Linux 2.4, pdflush and its successors. Nobody waits for it, but its requests stand in the queues before those of others.
 */
import type { FileCache } from "../guest/file-cache.ts";
import type { VmMemory } from "../vmm/host-memory/vm-memory.ts";
import type { Waiter } from "./io-job.ts";

/**
 * Writes in a disk's queue before who makes one more has to wait, and those that have to be done before it goes on: Linux
 * 2.4.22, drivers/block/ll_rw_blk.c, nr_requests and batch_requests; Linux 6.1 begins with as many (BLKDEV_DEFAULT_RQ).
 */
const QUEUE_REQUESTS = 128;
const BATCH_REQUESTS = 32;

export class WriteBackThread implements Waiter {
  readonly #cache: Pick<FileCache, "writesBack" | "goesOnWriting" | "writeOldest">;
  readonly #vm: Pick<VmMemory, "blocked">;
  readonly #submit: (waiter: Waiter) => void;
  #awake = false;
  #underWay = 0;

  /** `submit`: make disk requests of what the page cache has asked for, and tell the waiter when they are done. */
  constructor(
    cache: Pick<FileCache, "writesBack" | "goesOnWriting" | "writeOldest">,
    vm: Pick<VmMemory, "blocked">,
    submit: (waiter: Waiter) => void,
  ) {
    this.#cache = cache;
    this.#vm = vm;
    this.#submit = submit;
  }

  /** There may be more dirty pages than before. */
  wake(): void {
    if (this.#awake || !this.#cache.writesBack) return;
    this.#awake = true;
    if (this.#underWay <= QUEUE_REQUESTS - BATCH_REQUESTS) this.#write();
  }

  begin(): void {
    this.#underWay++;
  }

  done(): void {
    this.#underWay--;
    if (this.#awake && this.#underWay === QUEUE_REQUESTS - BATCH_REQUESTS) this.#write();
  }

  #write(): void {
    while (this.#underWay < QUEUE_REQUESTS) {
      // Requests of a VM that has been stopped, or moved away, come back to it; its pages may be gone.
      this.#awake = !this.#vm.blocked && this.#cache.goesOnWriting;
      if (!this.#awake) return;
      this.#cache.writeOldest();
      this.#submit(this);
    }
  }
}
