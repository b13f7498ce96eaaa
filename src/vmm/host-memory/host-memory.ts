/**
 * Machine memory shared out to VMs, page by page. Every read and write of a guest ends here; what it takes (a frame, a copy, a read
 * from the host's swap space) is done at once and its price recorded: cycles with the payer, disk requests in `requests`. Who runs
 * the simulation makes the guest wait for them.
 */
import { cause } from "../../core/ledger.ts";
import type { PendingCharges } from "../../core/pending-charges.ts";
import { DiskRequestKind, DiskRequests } from "../../guest/disk-requests.ts";
import { ZERO_CONTENT } from "../../machine/content-ids.ts";
import { MachineFrames } from "../../machine/frames.ts";
import { type MachineProfile, primitiveCost } from "../../machine/profile.ts";
import { HostOutOfMemory } from "./host-out-of-memory.ts";
import { type Clairvoyance, MemoryRoles } from "./memory-roles.ts";
import { Mark } from "./page-marks.ts";
import { SwapSlots } from "./swap-slots.ts";
import {
  BALLOONED,
  cacheCode,
  isCompressed,
  isPatched,
  isSwapped,
  patchCode,
  slotCode,
  UNBACKED,
  VmMemory,
} from "./vm-memory.ts";

const COW_BREAK = cause("vmm.page-sharing.cow-break");
const SWAP_IN = cause("vmm.host-swap.in");
const SWAP_OUT = cause("vmm.host-swap.out");
const ALLOCATE = cause("vmm.memory.allocate");
const BALLOON = cause("vmm.balloon");
const SAMPLE = cause("vmm.memory.activity-sample");

export class HostMemory extends MemoryRoles {
  /** Name of the VMM, for messages. */
  readonly vmm: string;
  readonly frames: MachineFrames;
  readonly vms: VmMemory[] = [];
  /** Reads and writes of the host's swap space since they were last cleared. */
  readonly requests = new DiskRequests();
  /** Who pays for what happens next. */
  payer: PendingCharges;
  /** Fewer free frames than this raise the alarm: the allocation policy wants to know. */
  alarmBelow = 0;
  alarm = false;
  cowBreaks = 0;
  swapIns = 0;
  swapOuts = 0;
  /** Pages in the host's swap space that a guest wrote to its disk, so that they were read for it first, or read from it. */
  doublePagedOuts = 0;
  doublePagedIns = 0;
  pagesScanned = 0;
  /** The VMM's own frame of zeros, on top of those for VMs, if guest pages may be merged with one. */
  zeroFrame = -1;
  #costs: { readonly map: number; readonly zero: number; readonly cowBreak: number };
  slots = new SwapSlots();

  constructor(profile: MachineProfile, totalFrames: number, payer: PendingCharges, vmm = "the VMM") {
    super();
    this.vmm = vmm;
    this.frames = new MachineFrames(totalFrames);
    this.payer = payer;
    const cost = (what: string): number => primitiveCost(profile, `page.${what}`);
    this.#costs = { map: cost("map"), zero: cost("zero"), cowBreak: cost("cow-break") };
  }

  addVm(pages: number, settings: VmMemory["settings"] = {}, number = this.vms.length): VmMemory {
    const firstPage = this.vms.reduce((sum, vm) => sum + vm.pages, 0);
    const vm = new VmMemory(this.vms.length, pages, settings, number, firstPage);
    this.vms.push(vm);
    if (this.clairvoyance !== undefined) vm.marks.addAll(Mark.Sampled);
    return vm;
  }

  /** From now on nothing that the VMM does to memory costs anything but the time to read a page back. */
  foresee(clairvoyance: Clairvoyance): void {
    this.clairvoyance = clairvoyance;
    this.#costs = { map: 0, zero: 0, cowBreak: 0 };
  }

  /** Content id of a guest page. */
  read(vm: VmMemory, ppn: number): number {
    this.touch(vm, ppn);
    return this.frames.content[vm.backing[ppn]];
  }

  /** A guest page is read, whatever it holds, or about to be written. */
  touch(vm: VmMemory, ppn: number, write = false): void {
    if (vm.backing[ppn] < 0) this.#back(vm, ppn);
    if (vm.marks.any(ppn)) this.#noteActivity(vm, ppn, write);
  }

  write(vm: VmMemory, ppn: number, content: number): void {
    this.touch(vm, ppn, true);
    this.writeSettled(vm, ppn, content);
  }

  /** The same of a page that has a frame and no marks. */
  writeSettled(vm: VmMemory, ppn: number, content: number): void {
    let mpn = vm.backing[ppn];
    if (this.frames.isShared(mpn)) mpn = this.#breakSharing(vm, ppn, mpn);
    this.frames.content[mpn] = content;
  }

  /** The guest's balloon takes a page: whatever backs it is free for others. */
  release(vm: VmMemory, ppn: number): void {
    // One that an earlier deflation gave back and nobody has touched since is promised no longer.
    if (vm.backing[ppn] === UNBACKED && vm.returned > 0) vm.returned--;
    this.discard(vm, ppn);
    vm.backing[ppn] = BALLOONED;
    vm.ballooned++;
    this.payer.add(BALLOON, this.#costs.map);
  }

  /** The guest's balloon gives a page back; `populate` backs it at once, otherwise its first use does. */
  reclaim(vm: VmMemory, ppn: number, populate: boolean): void {
    vm.backing[ppn] = UNBACKED;
    vm.ballooned--;
    vm.returned++;
    this.payer.add(BALLOON, this.#costs.map);
    if (populate) this.#back(vm, ppn);
  }

  /** Move a mapped page to the host's swap space. */
  swapOut(vm: VmMemory, ppn: number): void {
    const copy = this.slots.takeCopy(vm, ppn);
    if (copy < 0) return this.writeOut(this.putAside(vm, ppn), true);
    this.unmap(vm, ppn);
    vm.swapped++;
    vm.backing[ppn] = slotCode(copy);
  }

  /** The same of a page that has been written before, when the disk had nothing to do. Returns its slot. */
  putAside(vm: VmMemory, ppn: number): number {
    const content = this.frames.content[vm.backing[ppn]];
    this.unmap(vm, ppn);
    vm.swapped++;
    return this.slots.place(vm, ppn, content);
  }

  /**
   * Take the frame of a mapped page, not part of a large one, that nobody else maps. The guest may say that it can do without;
   * else the page is shared with an equal one if that is tried at all, else kept compressed, else swapped out. Returns false if
   * there was no place for it.
   */
  pageOut(vm: VmMemory, ppn: number): boolean {
    if (this.discarder?.discard(vm, ppn) === true) return true;
    if (this.sharer?.sharesOnDemand === true && this.sharer.share(vm, ppn)) return true;
    if (this.compressor?.compress(vm, ppn) === true) return true;
    if (this.slots.left <= 0) return false;
    this.swapOut(vm, ppn);
    return true;
  }

  /** From now on the page is one that can be shared or taken. */
  breakUp(vm: VmMemory, ppn: number): void {
    if (vm.isLarge(ppn)) this.largePages?.breakUp(vm, ppn);
  }

  writeOut(slot: number, frees = false): void {
    this.swapOuts++;
    this.backgroundReclaim?.writes(frees);
    this.requests.add(DiskRequestKind.SwapWrite, slot);
    this.payer.add(SWAP_OUT, this.#costs.map);
  }

  /** The content of a page is not needed any more: whatever holds it is free for others. */
  discard(vm: VmMemory, ppn: number): void {
    this.breakUp(vm, ppn);
    const place = vm.backing[ppn];
    if (place >= 0) this.unmap(vm, ppn);
    else if (isCompressed(place)) this.compressor?.take(vm, cacheCode(place));
    else if (isPatched(place)) this.patcher?.take(vm, patchCode(place));
    else if (isSwapped(place)) this.slots.releaseOf(vm, slotCode(place));
    vm.backing[ppn] = UNBACKED;
    this.ager?.forgotten(vm, ppn);
  }

  /** Map a guest page to a shared frame instead of its own. The contents must be equal. */
  merge(vm: VmMemory, ppn: number, sharedMpn: number): void {
    this.frames.drop(vm.backing[ppn]);
    this.frames.addReference(sharedMpn);
    vm.backing[ppn] = sharedMpn;
  }

  /** Take the frame away from a mapped page; the caller says where the page is now. */
  unmap(vm: VmMemory, ppn: number): void {
    this.#leave(vm, ppn);
    vm.reads?.unsettle(ppn);
    vm.backing[ppn] = UNBACKED;
    vm.mapped--;
    const copy = this.slots.takeCopy(vm, ppn);
    if (copy >= 0) this.slots.release(copy);
    this.ager?.unmapped(vm, ppn);
  }

  #leave(vm: VmMemory, ppn: number): void {
    const mpn = vm.backing[ppn];
    if (this.frames.isShared(mpn) && this.frames.references(mpn) === 1) this.sharer?.forget(vm, ppn);
    this.frames.drop(mpn);
  }

  #back(vm: VmMemory, ppn: number): number {
    if (vm.backing[ppn] === BALLOONED)
      throw new RangeError(`VM ${vm.number} uses page ${ppn}, which is in its balloon`);
    if (vm.backing[ppn] === UNBACKED && this.largePages?.back(vm, ppn) === true) return vm.backing[ppn];
    if (this.clairvoyance?.back(vm, ppn) === true) return vm.backing[ppn];
    if (vm.mapped >= vm.cap) this.keepToCap(vm, ppn);
    const mpn = this.#allocate(vm, ppn);
    const place = vm.backing[ppn];
    vm.backing[ppn] = mpn;
    vm.mapped++;
    if (place === UNBACKED) {
      if (vm.returned > 0) vm.returned--;
      this.payer.add(ALLOCATE, this.#costs.zero + this.#costs.map);
    } else if (isCompressed(place)) {
      this.frames.content[mpn] = this.compressor?.take(vm, cacheCode(place)) ?? 0;
    } else if (isPatched(place)) {
      this.frames.content[mpn] = this.patcher?.take(vm, patchCode(place)) ?? 0;
    } else {
      const slot = slotCode(place);
      this.frames.content[mpn] = this.slots.content(slot);
      vm.swapped--;
      const reader = this.clairvoyance ?? this.swapReader;
      if (reader === undefined) {
        this.readIn(slot);
        this.slots.release(slot);
      } else reader.readBack(vm, ppn, slot);
    }
    this.ager?.mapped(vm, ppn);
    return mpn;
  }

  /** A page is read from this place of the host's swap space. */
  readIn(place: number): void {
    this.requests.add(DiskRequestKind.SwapRead, place);
    this.swapIns++;
    this.payer.add(SWAP_IN, this.#costs.map);
  }

  /** Bring a page back from its slot, which it keeps, before anybody asks for it. Returns whether there was a frame for it. */
  readAhead(vm: VmMemory, ppn: number, slot: number): boolean {
    if (vm.mapped >= vm.cap && !this.keepToCap(vm, ppn)) return false;
    if (this.frames.free <= this.reserve && this.makeRoom(vm, ppn) === 0) return false;
    const mpn = this.#allocate(vm, ppn);
    this.frames.content[mpn] = this.slots.content(slot);
    vm.backing[ppn] = mpn;
    vm.mapped++;
    vm.swapped--;
    this.readIn(slot);
    this.ager?.mapped(vm, ppn);
    return true;
  }

  /** A sharer gets a copy; the last one keeps the frame, and pays for a copy if the VMM does not look whether it is the last. */
  #breakSharing(vm: VmMemory, ppn: number, mpn: number): number {
    const { frames } = this;
    vm.sharingBroken++;
    if (this.clairvoyance !== undefined && frames.free === 0 && frames.references(mpn) > 1) this.makeRoom(vm, ppn);
    const isLast = frames.references(mpn) === 1;
    const copies = !isLast || this.sharer?.copiesForLast === true;
    if (copies) this.cowBreaks++;
    this.payer.add(COW_BREAK, copies ? this.#costs.cowBreak : this.#costs.map);
    if (isLast) {
      this.sharer?.forget(vm, ppn);
      this.frames.markPrivate(mpn);
      return mpn;
    }
    const copy = this.#allocate(vm, ppn);
    this.#leave(vm, ppn);
    vm.backing[ppn] = copy;
    return copy;
  }

  #allocate(vm: VmMemory, ppn: number): number {
    if (this.frames.free <= this.reserve && this.makeRoom(vm, ppn) === 0)
      throw new HostOutOfMemory(vm.number, this.vmm, this.roomMaker !== undefined);
    if (this.frames.free <= this.alarmBelow) this.alarm = true;
    if (this.frames.free <= this.wakeBelow) this.backgroundReclaim?.wake();
    vm.framesGiven++;
    return this.frames.allocate(ZERO_CONTENT);
  }

  #noteActivity(vm: VmMemory, ppn: number, write: boolean): void {
    const sampled = vm.marks.has(ppn, Mark.Sampled);
    const isAhead = vm.marks.has(ppn, Mark.ReadAhead);
    const hasCopy = isAhead || vm.marks.has(ppn, Mark.SwapCopy);
    vm.marks.clear(ppn);
    if (this.clairvoyance !== undefined) return this.clairvoyance.touched(vm, ppn);
    if (hasCopy) this.swapReader?.used(vm, ppn, isAhead, write);
    if (!sampled) return;
    vm.sampleTouched++;
    this.payer.add(SAMPLE, this.#costs.map);
  }
}
