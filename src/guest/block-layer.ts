/** Disk requests as the guest kernel makes them at monitor resolution, each with what it costs the processor. */
import { cause } from "../core/ledger.ts";
import type { GuestMachine } from "./kernel-context.ts";
import type { KernelPaths } from "./kernel-paths.ts";
import { PAGE_BYTES } from "../machine/page.ts";

const WAIT_DISK = cause("wait.disk");

export class BlockLayer {
  readonly #machine: GuestMachine;
  readonly #paths: KernelPaths;

  constructor(machine: GuestMachine, paths: KernelPaths) {
    this.#machine = machine;
    this.#paths = paths;
  }

  /** Read or write pages and wait until that is done. */
  transferAndWait(page: number, pages: number, write: boolean): void {
    const { disk, meter } = this.#machine;
    meter.waitUntil(WAIT_DISK, disk.serve(this.#submit(pages, write), page, pages, write));
    this.#complete(pages, write);
  }

  /**
   * Write pages without waiting. The processor's part of the completion is charged at once instead of when the disk is
   * done; the disk's time is kept.
   */
  writeBehind(page: number, pages: number): void {
    this.#machine.disk.serve(this.#submit(pages, true), page, pages, true);
    this.#complete(pages, true);
  }

  /** The processor's part of one request, without the disk. */
  withoutDevice(pages: number, write: boolean): void {
    this.#submit(pages, write);
    this.#complete(pages, write);
  }

  /** Returns the cycle at which the device has the request. */
  #submit(pages: number, write: boolean): number {
    const { cpu, diskPath } = this.#machine;
    cpu.runKernel(this.#paths["disk-request"], 1);
    diskPath.submit(pages * PAGE_BYTES, write);
    return diskPath.notify();
  }

  #complete(pages: number, write: boolean): void {
    const { cpu, diskPath, meter } = this.#machine;
    meter.waitUntil(WAIT_DISK, diskPath.interrupt(meter.now, 1, pages * PAGE_BYTES, write));
    cpu.enterKernel("interrupt");
    cpu.runKernel(this.#paths.interrupt, 1);
    diskPath.complete(pages * PAGE_BYTES, write);
    cpu.runKernel(this.#paths["disk-completion"], 1);
    cpu.leaveKernel("interrupt");
  }
}
