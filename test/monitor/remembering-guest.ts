/** A guest whose memory has contents, beside a plain model of what its processes ought to read. */
import { buildMachine, machineFrames } from "../../src/sim/monitor-machine.ts";
import type { GuestMachine } from "../../src/guest/kernel-context.ts";
import { GuestKernel } from "../../src/guest/kernel.ts";
import { PageWork } from "../../src/guest/page-work.ts";
import { GUEST_FAULT } from "../../src/guest/virtual-hardware.ts";
import { Meter } from "../../src/machine/meter.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import type { GuestShape } from "../../src/workload/compiled-workload.ts";

/** Keeps one number as the contents of each machine frame and swap slot. */
class RememberedPages extends PageWork {
  readonly frames = new Map<number, number>();
  readonly slots = new Map<number, number>();
  readonly #machineFrame: (guestFrame: number) => number;

  constructor(profile: MachineProfile, meter: Meter, machineFrame: (guestFrame: number) => number) {
    super(profile, meter);
    this.#machineFrame = machineFrame;
  }

  override zero(frame: number): void {
    this.frames.set(this.#machineFrame(frame), 0);
  }

  override copy(from: number, to: number): void {
    this.frames.set(this.#machineFrame(to), this.frames.get(this.#machineFrame(from)) ?? 0);
  }

  override swapOut(frame: number, slot: number): void {
    this.slots.set(slot, this.frames.get(this.#machineFrame(frame)) ?? 0);
  }

  override swapIn(slot: number, frame: number): void {
    this.frames.set(this.#machineFrame(frame), this.slots.get(slot) ?? 0);
  }
}

interface ModelProcess {
  readonly contents: Map<number, number>;
  readonly readOnly: Set<number>;
}

export type GuestAction =
  | { readonly kind: "write" | "read"; readonly page: number }
  | { readonly kind: "fork" | "exit" | "exec" | "switch" | "file" }
  | { readonly kind: "map" | "unmap" | "protect" | "unprotect"; readonly page: number; readonly pages: number };

export class RememberingGuest {
  readonly machine: GuestMachine;
  readonly kernel: GuestKernel;
  readonly #pages: RememberedPages;
  readonly #services: ModelProcess[];
  #service = 0;
  /** Forks on top of the service process. */
  #forks: ModelProcess[] = [];
  #nextContent = 1;
  readonly #filePages: number;

  /** `watched`: the machine as the guest kernel gets it, with somebody who looks on. */
  constructor(vmm: Vmm, profile: MachineProfile, shape: GuestShape, watched = (machine: GuestMachine) => machine) {
    const meter = new Meter();
    this.machine = buildMachine(vmm, profile, shape.memoryPages, meter);
    const behind = machineFrames(shape.memoryPages);
    const isBare = vmm.mmu.definition.name === "bare";
    this.#pages = new RememberedPages(profile, meter, (frame) => (isBare ? frame : behind[frame]));
    this.kernel = new GuestKernel(watched(this.machine), profile, shape, this.#pages);
    this.#services = Array.from({ length: shape.processes }, () => ({ contents: new Map(), readOnly: new Set() }));
    this.#filePages = shape.filePages;
  }

  get hasSwapped(): boolean {
    return this.#pages.slots.size > 0;
  }

  /** Do it, and say what is wrong with what happened, if anything is. */
  perform(action: GuestAction): string | undefined {
    const process = this.#forks.at(-1) ?? this.#services[this.#service];
    switch (action.kind) {
      case "write":
        return this.#write(process, action.page);
      case "read":
        return this.#read(process, action.page);
      case "fork":
        if (this.#forks.length < 3) {
          this.kernel.fork();
          this.#forks.push({ contents: new Map(process.contents), readOnly: new Set(process.readOnly) });
        }
        return undefined;
      case "exit":
        if (this.#forks.pop() !== undefined) this.kernel.exit();
        return undefined;
      case "exec":
        this.kernel.exec(20);
        process.contents.clear();
        process.readOnly.clear();
        return undefined;
      case "switch":
        if (this.#forks.length === 0) {
          this.#service = (this.#service + 1) % this.#services.length;
          this.kernel.switchTo(this.#service);
        }
        return undefined;
      case "file":
        this.kernel.files.read((this.#nextContent * 7) % this.#filePages, 3);
        this.kernel.files.write((this.#nextContent * 5) % this.#filePages, 1);
        return undefined;
      default:
        return this.#remap(process, action.kind, action.page, action.pages);
    }
  }

  #write(process: ModelProcess, page: number): string | undefined {
    const frame = this.kernel.touch(page, true, 0);
    if (process.readOnly.has(page)) return frame === GUEST_FAULT ? undefined : `read-only page ${page} was written`;
    if (frame === GUEST_FAULT) return `page ${page} could not be written`;
    process.contents.set(page, this.#nextContent);
    this.#pages.frames.set(frame, this.#nextContent++);
    return undefined;
  }

  #read(process: ModelProcess, page: number): string | undefined {
    const frame = this.kernel.touch(page, false, 0);
    const found = this.#pages.frames.get(frame) ?? 0;
    const expected = process.contents.get(page) ?? 0;
    return found === expected ? undefined : `page ${page} reads ${found} instead of ${expected}`;
  }

  #remap(
    process: ModelProcess,
    kind: "map" | "unmap" | "protect" | "unprotect",
    page: number,
    pages: number,
  ): undefined {
    if (kind === "map") this.kernel.map(page, pages, false);
    else if (kind === "unmap") this.kernel.unmap(page, pages);
    else this.kernel.protect(page, pages, kind === "unprotect");
    for (let each = page; each < page + pages; each++) {
      if (kind === "protect") process.readOnly.add(each);
      else process.readOnly.delete(each);
      if (kind === "map" || kind === "unmap") process.contents.delete(each);
    }
    return undefined;
  }
}
