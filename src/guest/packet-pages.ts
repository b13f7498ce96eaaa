/**
 * Pages of the kernel's memory that packets and the driver of their interface take, which no path of the kernel names: they
 * were not measured ({@link kernelFootprints}), but follow from the source of Linux 2.6.11, driver e1000.
 *
 * Each interface has a structure of its own, a page of registers, rings of 256 descriptors of 16 bytes (a page), and for every
 * descriptor 20 bytes of struct e1000_buffer. A buffer posted for a packet is an sk_buff, 15 of which share a page (160 bytes
 * in cache lines of 128), and data with headroom in a page of its own (kmalloc of more than 2048 bytes). A buffer that comes
 * back is replaced at once by the one that was freed last. So a packet lies where nobody has been for a ring of packets.
 */
import { PAGE_BYTES } from "../machine/page.ts";
import type { KernelPages } from "./kernel-pages.ts";

const DESCRIPTOR_BYTES = 16;
const BUFFER_INFO_BYTES = 20;
const SKBS_PER_PAGE = 15;
/** Where these pages are, behind all that footprints name. */
const INTERFACES_START = 0x5_0000;
const DATA_START = 0x6_0000;
const SKBS_START = 0x7_0000;
/** Pages of one interface, by place; the rings, and what the driver knows of each descriptor, come behind. */
const STRUCTURE = 0;
const REGISTERS = 1;
const RINGS = 2;

export class PacketPages {
  readonly #kernelPages: Pick<KernelPages, "visit">;
  readonly #interfaces: number;
  readonly #descriptors: number;
  /** By interface and descriptor: the buffer posted there. */
  readonly #posted: Int32Array;
  /** By interface: the next descriptor, received and sent. */
  readonly #nextReceived: Int32Array;
  readonly #nextSent: Int32Array;
  /** Buffers whose packets nobody has taken, and free ones, the one freed last at the end. */
  readonly #waiting: number[] = [];
  readonly #free: number[] = [];
  #buffers: number;
  #interface = 0;
  /** Places of the second ring, and of what is known of the descriptors of each. */
  readonly #transmitRing: number;
  readonly #receiveInfo: number;
  readonly #transmitInfo: number;
  readonly #pagesPerInterface: number;

  constructor(kernelPages: Pick<KernelPages, "visit">, interfaces: number, descriptors: number) {
    this.#kernelPages = kernelPages;
    this.#interfaces = interfaces;
    this.#descriptors = descriptors;
    this.#buffers = interfaces * descriptors;
    this.#posted = Int32Array.from({ length: this.#buffers }, (_, buffer) => buffer);
    this.#nextReceived = new Int32Array(interfaces);
    this.#nextSent = new Int32Array(interfaces);
    this.#transmitRing = RINGS + pagesOf(descriptors * DESCRIPTOR_BYTES);
    this.#receiveInfo = this.#transmitRing + pagesOf(descriptors * DESCRIPTOR_BYTES);
    this.#transmitInfo = this.#receiveInfo + pagesOf(descriptors * BUFFER_INFO_BYTES);
    this.#pagesPerInterface = this.#transmitInfo + pagesOf(descriptors * BUFFER_INFO_BYTES);
  }

  /** The next interface interrupts: its registers say why. */
  interrupt(): void {
    this.#interface = (this.#interface + 1) % this.#interfaces;
    this.#visit(STRUCTURE);
    this.#visit(REGISTERS);
  }

  /** The driver takes a packet from the interface that has interrupted, and posts another buffer. */
  receive(): void {
    const descriptor = this.#nextReceived[this.#interface];
    this.#nextReceived[this.#interface] = (descriptor + 1) % this.#descriptors;
    const place = this.#interface * this.#descriptors + descriptor;
    this.#visit(RINGS + pageAt(descriptor * DESCRIPTOR_BYTES));
    this.#visit(this.#receiveInfo + pageAt(descriptor * BUFFER_INFO_BYTES));
    this.#visitBuffer(this.#posted[place]);
    this.#waiting.push(this.#posted[place]);
    this.#posted[place] = this.#free.pop() ?? this.#buffers++;
    this.#visitBuffer(this.#posted[place]);
  }

  /** The packets received are copied to the process, or dealt with otherwise, and their buffers freed. */
  takeAll(): void {
    for (const buffer of this.#waiting) {
      this.#visitBuffer(buffer);
      this.#free.push(buffer);
    }
    this.#waiting.length = 0;
  }

  send(): void {
    const descriptor = this.#nextSent[this.#interface];
    this.#nextSent[this.#interface] = (descriptor + 1) % this.#descriptors;
    this.#visit(STRUCTURE);
    this.#visit(this.#transmitInfo + pageAt(descriptor * BUFFER_INFO_BYTES));
    this.#visit(this.#transmitRing + pageAt(descriptor * DESCRIPTOR_BYTES));
    this.#visit(REGISTERS);
  }

  #visit(place: number): void {
    this.#kernelPages.visit(INTERFACES_START + this.#interface * this.#pagesPerInterface + place);
  }

  #visitBuffer(buffer: number): void {
    this.#kernelPages.visit(SKBS_START + Math.floor(buffer / SKBS_PER_PAGE));
    this.#kernelPages.visit(DATA_START + buffer);
  }
}

function pagesOf(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}

function pageAt(byte: number): number {
  return Math.floor(byte / PAGE_BYTES);
}
