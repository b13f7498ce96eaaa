/** The guest operating system: carries out the operations of a stream on a (virtual) machine. */
import { InputError } from "../core/input-error.ts";
import { Pte } from "../machine/page-tables.ts";
import { primitiveCost } from "../machine/profile.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { GuestShape } from "../workload/compiled-workload.ts";
import type { AddressSpace } from "./address-space.ts";
import { BlockLayer } from "./block-layer.ts";
import { sizeOf } from "./boot-memory.ts";
import { FileIo } from "./file-io.ts";
import { HighMemory, hasHighMemory } from "./high-memory.ts";
import { type CacheFirstReclaim, cacheFirstReclaim } from "./cache-first-reclaim.ts";
import { GuestPages, PageUse } from "./guest-pages.ts";
import { watermarks } from "./watermarks.ts";
import { IdleTask } from "./idle-task.ts";
import type { GuestMachine, KernelContext } from "./kernel-context.ts";
import { KernelEntries } from "./kernel-entries.ts";
import { GUEST_KERNEL, GUEST_USER, kernelPaths } from "./kernel-paths.ts";
import { kernelVersion } from "./kernel-builds.ts";
import { Mappings } from "./mappings.ts";
import { NetworkStack } from "./network-stack.ts";
import { PageFaults } from "./page-faults.ts";
import { PageTableFrames } from "./page-table-frames.ts";
import { PageWork } from "./page-work.ts";
import { Processes } from "./processes.ts";
import { codeOf, mostAnonymousPages, PROGRAM_TEXT_PAGES, programImage, RELOCATED_PAGES } from "./program-image.ts";
import { type Visit, visitsOfRegion, visitsOfRelocation } from "./program-start.ts";
import { ReverseMapping } from "./reverse-mapping.ts";
import { SwapSpace } from "./swap-space.ts";
import { TlbFlushes } from "./tlb-flushes.ts";
import { SYSTEM_CALL, TRAP_HANDLERS } from "./trap-handlers.ts";
import { GUEST_FAULT } from "./virtual-hardware.ts";

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
  readonly entries: KernelEntries;
  readonly files: FileIo;
  readonly network: NetworkStack;
  readonly blocks: BlockLayer;
  readonly frames: GuestPages<CacheFirstReclaim>;
  readonly #machine: GuestMachine;
  readonly #profile: MachineProfile;
  readonly #shape: GuestShape;
  /** The page that Op.Touch calls 0. */
  readonly #anonymousStart: number;
  readonly #pageStores: number;
  readonly #context: KernelContext;
  readonly #faults: PageFaults;
  readonly #processes: Processes;
  readonly #mappings: Mappings;
  readonly #services: AddressSpace[] = [];
  /** Service process and the forks on top of it; the last one runs. */
  #running: AddressSpace[];
  #current: AddressSpace;

  /** Boots the guest: what the shape says is in memory then is. Nothing that happens here is part of a measurement. */
  constructor(machine: GuestMachine, profile: MachineProfile, shape: GuestShape, pages?: PageWork) {
    machine.cpu.registerTraps?.(TRAP_HANDLERS, SYSTEM_CALL);
    const version = kernelVersion(profile);
    const most = mostAnonymousPages(version.layout);
    if (shape.anonymousPages > most) {
      throw new Error(`a process has ${shape.anonymousPages} anonymous pages, at most ${most} have room`);
    }
    this.#machine = machine;
    this.#profile = profile;
    this.#shape = shape;
    this.#anonymousStart = version.layout.anonymousStart;
    this.#pageStores = version.pageStores;
    const paths = kernelPaths(profile);
    this.entries = new KernelEntries(machine, paths, profile);
    this.blocks = new BlockLayer(machine, paths);
    const swap = new SwapSpace(shape.swapPages);
    // At this resolution memory is not short for long: both kernels reclaim as Linux 2.4 does.
    const marks = watermarks("linux-2.4", shape.memoryPages);
    this.frames = new GuestPages(shape.memoryPages, marks, cacheFirstReclaim);
    // The lowest frames: those of the kernel, program text among them.
    const kernelPages = Math.max(shape.kernelPages, PROGRAM_TEXT_PAGES);
    for (let page = 0; page < kernelPages; page++) this.#takeFrame(PageUse.Kernel, page);
    const context: Omit<KernelContext, "highMemory" | "tables"> = {
      machine,
      shape,
      version,
      paths,
      pages: pages ?? new PageWork(profile, machine.meter),
      frames: this.frames,
      flushes: new TlbFlushes(machine, version),
      spaces: new Map(),
      takeFrame: (use, item, byDevice = false) => this.#takeFrame(use, item, byDevice),
    };
    this.#context = {
      ...context,
      tables: new PageTableFrames(context),
      ...(hasHighMemory(context) && { highMemory: new HighMemory(context) }),
    };
    this.files = new FileIo(this.#context, this.blocks);
    const mapping = new ReverseMapping(this.#context, swap, this.files);
    this.frames.setOwners(this.files, mapping);
    this.frames.replacement.cached.observer = this.files;
    this.frames.replacement.anonymous.observer = mapping;
    this.#faults = new PageFaults(this.#context, this.files, swap);
    this.#processes = new Processes(this.#context, swap);
    const idle = version.wakesSendersEachTime && new IdleTask(this.#context, this.#processes, () => this.#current);
    this.network = new NetworkStack(machine, paths, this.#context.pages, idle || undefined);
    this.#mappings = new Mappings(this.#context, this.#processes);
    for (let service = 0; service < Math.max(1, shape.processes); service++) {
      this.#services.push(this.#processes.boot(shape.residentAnonymousPages));
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
    this.#machine.meter.spend(GUEST_USER, cycles);
  }

  /**
   * User code visits an anonymous page (numbered as in the stream) and runs some cycles there. Returns the machine frame
   * it reached, or {@link GUEST_FAULT} when the access was not allowed and a signal came instead.
   */
  touch(page: number, write: boolean, cycles: number): number {
    const frame = this.#visit(this.#anonymousStart + page, write);
    this.#machine.meter.spend(GUEST_USER, cycles);
    return frame;
  }

  /** User code reads so many anonymous pages from `page` on, every line of the cache. */
  scan(page: number, pages: number): void {
    const { cache } = this.#machine;
    for (let next = page; next < page + pages; next++) {
      const frame = this.#visit(this.#anonymousStart + next, false);
      if (frame !== GUEST_FAULT) cache?.use(frame, 0, cache.linesPerPage);
    }
  }

  fork(): void {
    const { fork } = this.#context.version;
    const child = this.#processes.fork(this.#current);
    this.entries.emptyCalls(this.#context.version.forkCalls);
    this.#writePrivate(0, fork.parentWrites, false);
    this.#enterChild(child);
    this.#writePrivate(fork.parentWrites, fork.kernelWrites, true);
    this.#readText(fork.childReads);
    this.#writePrivate(0, fork.childWrites, false);
  }

  /** The child runs in its parent's address space until it execs or exits. */
  vfork(): void {
    this.#enterChild(this.#processes.vfork(this.#current));
  }

  /**
   * Replace the current process by an image of so many pages, so many of them private, and visit all of them; so many of the
   * private ones are read-only once they are relocated, so many its heap.
   */
  exec(pages: number, privatePages?: number, relocated = RELOCATED_PAGES, heapPages?: number): void {
    const isBorrowed = this.#current === this.#running[this.#running.length - 2];
    const { childReads, kernelReadsBeforeExec: reads } = this.#context.version.fork;
    if (this.#running.length > 1 && !isBorrowed) this.#readText(reads, childReads, true);
    const image = programImage(pages, this.#context.version.layout, privatePages, relocated, heapPages);
    const space = this.#processes.exec(this.#current, image, isBorrowed);
    const isService = this.#running.length === 1;
    if (isService) this.#services[this.#services.indexOf(this.#current)] = space;
    this.#running[this.#running.length - 1] = space;
    this.#current = space;
    const { execKernelWrites, startCalls, startCpuids } = this.#context.version;
    this.#writePrivate(0, execKernelWrites, true);
    this.entries.emptyCalls(startCalls);
    for (let time = 0; time < startCpuids; time++) this.#machine.cpu.execute("cpuid");
    this.#runStart(space, relocated);
  }

  /** The current forked process ends, and its parent goes on. A service process does not end. */
  exit(): void {
    if (this.#running.length === 1) throw new Error("exit without a fork before it");
    const { fork } = this.#context.version;
    const child = this.#running.pop() as AddressSpace;
    const parent = this.#running[this.#running.length - 1];
    this.#processes.exit(child, parent);
    this.#current = parent;
    if (child === parent) return;
    this.#writePrivate(fork.parentWrites, fork.kernelWrites, true);
    this.#writePrivate(0, fork.parentWritesAfter, false);
  }

  map(page: number, pages: number, file: boolean): void {
    const start = this.#anonymousStart + page;
    this.#mappings.map(this.#current, start, start + pages, file ? "file" : "anonymous");
  }

  unmap(page: number, pages: number): void {
    const start = this.#anonymousStart + page;
    this.#mappings.unmap(this.#current, start, start + pages);
  }

  protect(page: number, pages: number, writable: boolean): void {
    const start = this.#anonymousStart + page;
    this.#mappings.protect(this.#current, start, start + pages, writable);
  }

  switchTo(service: number): void {
    this.#current = this.#services[service % this.#services.length];
    this.#running = [this.#current];
    this.#processes.switchTo(this.#current);
    this.#machine.mmu.commit();
  }

  /** A write to an anonymous page that is not mapped: the kernel's handler returns at once. */
  unhandledFault(page: number): void {
    const { mmu } = this.#machine;
    if (mmu.access(this.#anonymousStart + page, true) !== GUEST_FAULT) throw new Error(`page ${page} does not fault`);
    mmu.raiseFault(false);
    this.entries.enterAndLeave("page-fault");
  }

  /** Write the page-table entry of an anonymous page, and have it take effect: 0 with what it holds, 1 not present, 2 present. */
  writeEntry(page: number, what: number): void {
    const entry = this.#current.entry(this.#anonymousStart + page);
    const written = [entry, entry & ~Pte.Present, entry | Pte.Present][what] >>> 0;
    this.#machine.meter.spend(GUEST_KERNEL, primitiveCost(this.#profile, "hardware.memory-write"));
    this.#current.setEntry(this.#anonymousStart + page, written);
    this.#machine.mmu.commit();
  }

  /** Until the program is up; the C library makes the data read-only that it has relocated (_dl_protect_relro). */
  #runStart(space: AddressSpace, relocated: number): void {
    const data = space.regions.find(({ ofFile }) => ofFile);
    if (data !== undefined) {
      this.#visitAll(visitsOfRelocation(data, relocated));
      this.#mappings.protect(space, data.start, Math.min(data.start + relocated, data.end), false);
    }
    for (const region of space.regions) this.#visitAll(visitsOfRegion(region, region.start === data?.end));
  }

  #visitAll(visits: readonly Visit[]): void {
    for (const { page, write } of visits) this.#visit(page, write);
  }

  #enterChild(child: AddressSpace): void {
    if (child === this.#current) this.#processes.switchWithin();
    else this.#processes.switchTo(child);
    this.#running.push(child);
    this.#current = child;
  }

  #visit(page: number, write: boolean, byKernel = false): number {
    const { mmu } = this.#machine;
    let frame = mmu.access(page, write);
    if (frame !== GUEST_FAULT) return frame;
    this.onFault(true);
    // Handling a fault may leave another one, of a page that is shared as it comes; nothing faults for ever.
    for (let tries = 0; frame === GUEST_FAULT && this.#faults.handle(this.#current, page, write, byKernel); tries++) {
      if (tries === 8) throw new Error(`page fault at page ${page} is handled again and again`);
      frame = mmu.access(page, write);
    }
    this.onFault(false);
    return frame;
  }

  /** Run through so many pages of the current process's code, `from` pages behind the first whole window that faults map. */
  #readText(count: number, from = 0, byKernel = false): void {
    const window = this.#context.version.faultAroundPages;
    const code = codeOf(this.#current.regions);
    if (code === undefined) return;
    const first = Math.ceil(code.start / window) * window + from;
    for (let page = first; page < Math.min(first + count, code.end); page++) this.#visit(page, false, byKernel);
  }

  /** Write private pages of the current process's image, from number `first` on. */
  #writePrivate(first: number, count: number, byKernel: boolean): void {
    for (const page of this.#processes.privatePages(this.#current, first, count)) this.#visit(page, true, byKernel);
  }

  #takeFrame(use: number, item: number, byDevice = false): number {
    const frame = this.frames.allocate(use, item);
    if (frame === -1) throw new OutOfMemory(this.#shape);
    this.#machine.mmu.reuse(frame, byDevice ? 0 : this.#pageStores);
    return frame;
  }
}
