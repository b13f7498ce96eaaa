/** The guest operating system: carries out the operations of a stream on a (virtual) machine. */
import { InputError } from "../core/input-error.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import { CALLS_OF_KIND, SYSTEM_CALLS } from "../workload/operation-stream.ts";
import type { AddressSpace } from "./address-space.ts";
import { BlockLayer } from "./block-layer.ts";
import { sizeOf } from "./boot-memory.ts";
import { FileIo } from "./file-io.ts";
import { GuestPages, PageUse } from "./guest-pages.ts";
import type { GuestMachine, KernelContext } from "./kernel-context.ts";
import { GUEST_USER, kernelPaths } from "./kernel-paths.ts";
import type { KernelPath } from "./kernel-paths.ts";
import { Mappings } from "./mappings.ts";
import { NetworkStack } from "./network-stack.ts";
import { PageFaults } from "./page-faults.ts";
import { PageWork } from "./page-work.ts";
import { Processes } from "./processes.ts";
import { ANONYMOUS_START, MOST_ANONYMOUS_PAGES, PROGRAM_TEXT_PAGES } from "./program-image.ts";
import type { Region } from "./regions.ts";
import { ReverseMapping } from "./reverse-mapping.ts";
import { SwapSpace } from "./swap-space.ts";
import { GUEST_FAULT, INSTRUCTIONS } from "./virtual-hardware.ts";

/**
 * Private pages that the child, and afterwards the parent, writes around a fork: together the 8 minor faults of one
 * fork + exit that Linux 6.1 counts for a static program.
 */
const FORK_WRITES = 4;
/** Text pages a child runs through between fork and exit. */
const FORK_READS = 12;

/** FS and GS: all other segment registers are restored by every return to user mode. */
const SEGMENTS_RESTORED = 2;

class OutOfMemory extends InputError {
  constructor({ memoryPages, swapPages }: GuestShape) {
    super(
      `the guest is out of memory: of its ${sizeOf(memoryPages)} no page can be dropped or swapped out any more ` +
        `(swap: ${sizeOf(swapPages)}); it needs more guest.memory or guest.swap`,
    );
    this.name = "OutOfMemory";
  }
}

export class GuestKernel {
  /** Called around a page fault of user code, so that it can be accounted for apart from the operation it interrupts. */
  onFault: (begins: boolean) => void = () => {};
  readonly files: FileIo;
  readonly network: NetworkStack;
  readonly blocks: BlockLayer;
  readonly frames: GuestPages;
  readonly #shape: GuestShape;
  readonly #context: KernelContext;
  readonly #faults: PageFaults;
  readonly #processes: Processes;
  readonly #mappings: Mappings;
  readonly #services: AddressSpace[] = [];
  /** Service process and the forks on top of it; the last one runs. */
  #running: AddressSpace[];
  #current: AddressSpace;
  readonly #systemCalls: readonly KernelPath[];

  /** Boots the guest: what the shape says is in memory then is. Nothing that happens here is part of a measurement. */
  constructor(machine: GuestMachine, profile: MachineProfile, shape: GuestShape, pages?: PageWork) {
    if (shape.anonymousPages > MOST_ANONYMOUS_PAGES) {
      throw new Error(
        `a process has ${shape.anonymousPages} anonymous pages, at most ${MOST_ANONYMOUS_PAGES} have room`,
      );
    }
    this.#shape = shape;
    const paths = kernelPaths(profile);
    this.blocks = new BlockLayer(machine, paths);
    const swap = new SwapSpace(shape.swapPages);
    this.frames = new GuestPages(shape.memoryPages);
    // The lowest frames: those of the kernel, program text among them.
    const kernelPages = Math.max(shape.kernelPages, PROGRAM_TEXT_PAGES);
    for (let page = 0; page < kernelPages; page++) this.#takeFrame(PageUse.Kernel, page);
    this.#context = {
      machine,
      shape,
      paths,
      pages: pages ?? new PageWork(profile, machine.meter),
      frames: this.frames,
      spaces: new Map(),
      takeFrame: (use, item) => this.#takeFrame(use, item),
    };
    this.files = new FileIo(this.#context, this.blocks);
    const mapping = new ReverseMapping(this.#context, swap, this.files);
    this.frames.setOwners(this.files, mapping);
    this.frames.cached.observer = this.files;
    this.frames.anonymous.observer = mapping;
    this.network = new NetworkStack(machine, paths, this.#context.pages);
    this.#faults = new PageFaults(this.#context, this.files, swap);
    this.#processes = new Processes(this.#context, swap);
    this.#mappings = new Mappings(this.#context, this.#processes);
    this.#systemCalls = SYSTEM_CALLS.map((kind) => paths[`syscall-${kind}`]);
    for (let service = 0; service < Math.max(1, shape.processes); service++) {
      this.#services.push(this.#processes.boot(ANONYMOUS_START, shape.residentAnonymousPages));
    }
    this.files.preload(Math.min(shape.residentFilePages, shape.filePages));
    this.#running = [this.#services[0]];
    this.#current = this.#services[0];
    machine.mmu.switchRoot(this.#current.root);
    machine.mmu.commit();
  }

  /** Share of the configured memory that is in use, 0 to 1. */
  get memoryUsed(): number {
    return (this.frames.total - this.frames.free.length) / this.frames.total;
  }

  compute(cycles: number): void {
    this.#context.machine.meter.spend(GUEST_USER, cycles);
  }

  /**
   * User code visits an anonymous page (numbered as in the stream) and runs some cycles there. Returns the machine frame
   * it reached, or {@link GUEST_FAULT} when the access was not allowed and a signal came instead.
   */
  touch(page: number, write: boolean, cycles: number): number {
    const frame = this.#visit(ANONYMOUS_START + page, write);
    this.#context.machine.meter.spend(GUEST_USER, cycles);
    return frame;
  }

  /** User code reads so many anonymous pages from `page` on, every line of the cache. */
  scan(page: number, pages: number): void {
    const { cache } = this.#context.machine;
    for (let next = page; next < page + pages; next++) {
      const frame = this.#visit(ANONYMOUS_START + next, false);
      if (frame !== GUEST_FAULT) cache?.use(frame, 0, cache.linesPerPage);
    }
  }

  systemCall(kind: number, times: number): void {
    const { cpu } = this.#context.machine;
    const path = this.#systemCalls[kind];
    const entries = CALLS_OF_KIND[SYSTEM_CALLS[kind]];
    for (let time = 0; time < times; time++) {
      for (let entry = 0; entry < entries; entry++) {
        cpu.enterKernel("system-call");
        if (entry === 0) cpu.runKernel(path, 1);
        cpu.leaveKernel("system-call");
      }
    }
  }

  fork(): void {
    const child = this.#processes.fork(this.#current);
    this.#processes.switchTo(child);
    this.#running.push(child);
    this.#current = child;
    this.#visitImage(FORK_READS, FORK_WRITES);
  }

  /** Replace the current process by an image of so many pages and visit all of them. */
  exec(pages: number): void {
    for (const region of this.#processes.exec(this.#current, pages)) {
      for (let page = region.start; page < region.end; page++) this.#visit(page, region.writable);
    }
  }

  /** The current forked process ends, and its parent goes on. A service process does not end. */
  exit(): void {
    if (this.#running.length === 1) throw new Error("exit without a fork before it");
    this.#running.pop();
    const parent = this.#running[this.#running.length - 1];
    this.#processes.exit(this.#current, parent);
    this.#current = parent;
    this.#visitImage(0, FORK_WRITES);
  }

  map(page: number, pages: number, file: boolean): void {
    const start = ANONYMOUS_START + page;
    this.#mappings.map(this.#current, start, start + pages, file ? "file" : "anonymous");
  }

  unmap(page: number, pages: number): void {
    this.#mappings.unmap(this.#current, ANONYMOUS_START + page, ANONYMOUS_START + page + pages);
  }

  protect(page: number, pages: number, writable: boolean): void {
    this.#mappings.protect(this.#current, ANONYMOUS_START + page, ANONYMOUS_START + page + pages, writable);
  }

  switchTo(service: number): void {
    this.#current = this.#services[service % this.#services.length];
    this.#running = [this.#current];
    this.#processes.switchTo(this.#current);
    this.#context.machine.mmu.commit();
  }

  execute(instruction: number, times: number): void {
    for (let time = 0; time < times; time++) this.#context.machine.cpu.execute(INSTRUCTIONS[instruction]);
  }

  /** A division by zero: the handler of the kernel, and back. */
  divideError(): void {
    const { cpu } = this.#context.machine;
    cpu.enterKernel("exception");
    cpu.leaveKernel("exception");
  }

  installSignalHandler(): void {
    this.#oneCall("signal-install");
  }

  /** kill, the handler, and sigreturn: two system calls. On IA-32 the second restores FS and GS (restore_sigcontext). */
  handleSignal(): void {
    this.#oneCall("signal-handle");
    const { cpu, pageTableFormat } = this.#context.machine;
    cpu.enterKernel("system-call");
    if (pageTableFormat.name === "ia32") {
      for (let register = 0; register < SEGMENTS_RESTORED; register++) cpu.execute("segment-load");
    }
    cpu.leaveKernel("system-call");
  }

  timerInterrupt(): void {
    const { cpu } = this.#context.machine;
    cpu.enterKernel("interrupt");
    cpu.runKernel(this.#context.paths.interrupt, 1);
    cpu.runKernel(this.#context.paths["timer-interrupt"], 1);
    cpu.leaveKernel("interrupt");
  }

  #oneCall(path: "signal-install" | "signal-handle"): void {
    const { cpu } = this.#context.machine;
    cpu.enterKernel("system-call");
    cpu.runKernel(this.#context.paths[path], 1);
    cpu.leaveKernel("system-call");
  }

  #visit(page: number, write: boolean): number {
    const { mmu } = this.#context.machine;
    let frame = mmu.access(page, write);
    if (frame !== GUEST_FAULT) return frame;
    this.onFault(true);
    // Handling a fault may leave another one, of a page that is shared as it comes; nothing faults for ever.
    for (let tries = 0; frame === GUEST_FAULT && this.#faults.handle(this.#current, page, write); tries++) {
      if (tries === 8) throw new Error(`page fault at page ${page} is handled again and again`);
      frame = mmu.access(page, write);
    }
    this.onFault(false);
    return frame;
  }

  /** Visit the first text pages, and write the first private pages, of the current process's image. */
  #visitImage(reads: number, writes: number): void {
    for (const region of this.#current.regions.filter(isTextOrData)) {
      const count = Math.min(region.kind === "text" ? reads : writes, region.end - region.start);
      for (let page = region.start; page < region.start + count; page++) this.#visit(page, region.kind !== "text");
    }
  }

  #takeFrame(use: number, item: number): number {
    const frame = this.frames.allocate(use, item);
    if (frame === -1) throw new OutOfMemory(this.#shape);
    return frame;
  }
}

function isTextOrData(region: Region): boolean {
  return region.kind === "text" || region.start < ANONYMOUS_START;
}
