/**
 * I/O of Xen since 2.0: the front end in the guest, the back end in the driver domain (dom0), which has the native driver.
 * To send, the back end maps the guest's pages by grants; a packet received is given to the guest by exchanging pages, or
 * copied (Menon 2006, section 4). What is done in dom0 is charged to causes that begin with `io.backend`. If dom0 shares the
 * guest's processor, it is switched to for every batch, at once: it sleeps most of the time, so every scheduler of Xen lets
 * it preempt. On a processor of its own it goes on with what is on the ring, and needs an event only when it has gone to sleep.
 */
import { cause } from "../../core/ledger.ts";
import { kernelPaths } from "../../guest/kernel-paths.ts";
import { PacketPages } from "../../guest/packet-pages.ts";
import type { Meter } from "../../machine/meter.ts";
import type { Tlb } from "../../machine/tlb.ts";
import { definePart } from "../contract.ts";
import type { MonitorContext } from "../monitor-contract.ts";
import { LARGEST_SEGMENT, RING_DESCRIPTORS } from "./bare.ts";
import { PAGE_BYTES } from "../../machine/page.ts";
import { type BackEnd, BLOCK_BACK_END, FrontEnd, type PageExchange, ringEntries } from "./front-end.ts";
import { anticipatoryHz, scheduledBy } from "./io-scheduler.ts";
import type { SharedRing } from "./shared-ring.ts";
import { driverDomainCosts, MAP_AND_UNMAP, SPLIT_DRIVER_COSTS } from "./split-driver-costs.ts";
import { type Interruption, ownProcessor, TwoProcessors } from "./two-processors.ts";

const PAGE_FLIP = cause("io.backend.page-flip");
const COPY = cause("io.backend.copy");
const GRANT = cause("io.backend.grant");
const BATCH = cause("io.backend.batch");
const SWITCH = cause("io.backend.domain-switch");
const DRIVER = cause("io.backend.driver");
const REQUEST = cause("io.backend.request");
const NOTIFY = cause("io.backend.notify");
/** The guest (Xen 2.0, netfront.c): the page it posts is unmapped, and given up; the one that came is mapped, and entered. */
const GUEST_EXCHANGE: PageExchange = { requests: 4, flush: true };
/** Packets of all guests that the network back end has in hand (Linux, netback.c: MAX_PENDING_REQS). */
const PACKETS_UNDER_WAY = 256;

interface Settings {
  readonly device: "disk" | "network";
  readonly pageFlip: boolean;
  readonly grantMap: boolean;
  readonly ownProcessor: boolean;
}

class DriverDomain implements BackEnd {
  readonly #meter: Meter;
  readonly #tlb: Tlb;
  readonly #settings: Settings;
  readonly #isNetwork: boolean;
  readonly #driver: number;
  readonly #costs: ReturnType<typeof driverDomainCosts>;
  /** Of the real interface, on the guest's processor: on its own, its TLB holds them. */
  readonly #packetPages: PacketPages | undefined;
  /** On a processor of its own. */
  readonly #apart: TwoProcessors | undefined;

  constructor(settings: Settings, context: MonitorContext) {
    this.#meter = context.meter;
    this.#tlb = context.tlb;
    this.#settings = settings;
    this.#isNetwork = settings.device === "network";
    this.#driver = kernelPaths(context.profile)[`${settings.device}-driver`].cycles;
    this.#costs = driverDomainCosts(context);
    this.#packetPages = packetPagesOf(settings, context);
    if (settings.ownProcessor) this.#apart = new TwoProcessors(context, this.#isNetwork, settings.pageFlip);
  }

  catchUp(ring: SharedRing): void {
    if (this.#apart?.isDriverAsleep(this.#meter.now) === true) ring.awaitRequests();
  }

  guestHalts(): void {
    this.#apart?.guestHalts();
  }

  guestTakes(): void {
    this.#apart?.guestTakes();
  }

  takeRequests(ring: SharedRing, event: boolean): number {
    this.#begin(this.#meter.now, event ? "event" : undefined);
    this.#apart?.takeRequests(ring.waiting);
    // Packets are mapped a batch at a time, blocks request by request.
    if (this.#isNetwork && this.#settings.grantMap) this.#mapAndUnmap();
    while (ring.waiting > 0) this.#takeRequest(ring.takeRequest());
    return this.#end(ring);
  }

  answer(at: number, ring: SharedRing, entries: number, bytes: number, sent: SharedRing | undefined): number {
    this.#begin(at, "device");
    this.#packetPages?.interrupt();
    this.#spend(DRIVER, 1, this.#costs.interruptMask + this.#costs.deviceAccess);
    if (entries > 0) this.#spend(DRIVER, entries, this.#driver);
    if (this.#isNetwork && entries > 0) this.#receive(ring, entries, bytes);
    this.#respond(ring, entries);
    const wanted = ring.publishResponses();
    if (sent !== undefined) this.#respond(sent, sent.unanswered);
    if (sent?.publishResponses() === true || wanted) {
      this.#spend(NOTIFY, 1, this.#costs.notify);
      this.#apart?.notifyGuest();
    }
    return this.#end(undefined);
  }

  #takeRequest(bytes: number): void {
    if (this.#settings.grantMap) this.#spend(GRANT, Math.ceil(bytes / PAGE_BYTES), this.#costs.grant);
    if (!this.#isNetwork) this.#mapAndUnmap();
    this.#spend(REQUEST, 1, this.#costs.request);
    this.#packetPages?.send();
    this.#spend(DRIVER, 1, this.#driver + this.#costs.deviceAccess);
  }

  /** Two calls for the pages of a batch; the second flushes the TLB. */
  #mapAndUnmap(): void {
    this.#spend(BATCH, MAP_AND_UNMAP, this.#costs.hypercall);
    this.#spend(BATCH, 1, this.#costs.flush);
  }

  #receive(ring: SharedRing, packets: number, bytes: number): void {
    for (let packet = 0; packet < packets; packet++) {
      ring.takeRequest();
      this.#packetPages?.receive();
    }
    this.#packetPages?.takeAll();
    this.#apart?.takeBuffers(packets);
    this.#spend(REQUEST, packets, this.#costs.request);
    if (this.#settings.pageFlip) {
      this.#spend(PAGE_FLIP, packets, this.#costs.flip);
      this.#spend(BATCH, 1, this.#costs.hypercall + this.#costs.flush);
    } else this.#spend(COPY, packets, Math.round((bytes * this.#costs.copyPage) / PAGE_BYTES / packets));
  }

  #respond(ring: SharedRing, entries: number): void {
    for (let entry = 0; entry < entries; entry++) ring.putResponse();
    if (entries > 0) this.#spend(REQUEST, entries, this.#costs.ring);
  }

  /** The driver domain runs from cycle `at` on, or as soon as it has done what it is at; without `by` it goes on. */
  #begin(at: number, by: Interruption | undefined): void {
    const taken = by === "event" ? this.#costs.takeEvent : 0;
    if (this.#apart === undefined) {
      this.#tlb.flushAll();
      return this.#spend(SWITCH, 1, this.#costs.domainSwitch + this.#costs.eventUpcall + taken);
    }
    this.#apart.beginDriver(at, by);
    if (by !== undefined) this.#spend(SWITCH, 1, this.#costs.interrupt + this.#costs.eventUpcall + taken);
  }

  #end(ring: SharedRing | undefined): number {
    if (this.#apart !== undefined) return this.#apart.busyUntil;
    ring?.awaitRequests();
    this.#spend(SWITCH, 1, this.#costs.domainSwitch);
    // Both kernels have the same addresses: global translations go, too.
    this.#tlb.flushAll();
    return this.#meter.now;
  }

  #spend(id: number, count: number, cyclesEach: number): void {
    if (this.#apart === undefined) this.#meter.spendMany(id, count, cyclesEach);
    else this.#apart.spendByDriver(id, count, cyclesEach);
  }
}

function packetPagesOf({ device, ownProcessor }: Settings, context: MonitorContext): PacketPages | undefined {
  const { kernelPages, profile } = context;
  if (device !== "network" || ownProcessor || kernelPages === undefined) return undefined;
  return new PacketPages(kernelPages.ofDriverDomain(), profile.network.interfaces, RING_DESCRIPTORS);
}

export const splitDriverDisk = definePart<
  "disk",
  { ringEntries: number; ownProcessor: boolean; anticipatoryHz: number }
>({
  slot: "disk",
  name: "split-driver",
  summary: "front end in the guest, back end and real driver in dom0",
  parameters: {
    ringEntries: ringEntries(32, "Xen 3.0: a page has room for 32 block requests (2.0: 64)"),
    ownProcessor,
    anticipatoryHz,
  },
  needs: SPLIT_DRIVER_COSTS,
  queueOf: ({ ringEntries: entries, anticipatoryHz: hz }) => ({ entries, ...BLOCK_BACK_END, ...scheduledBy(hz) }),
  create: (parameters, context) =>
    new FrontEnd(
      { device: "disk", ringEntries: parameters.ringEntries, segmentBytes: 0, eventChannels: true },
      new DriverDomain({ device: "disk", pageFlip: false, grantMap: true, ...parameters }, context),
      context,
    ),
});

interface NetworkParameters {
  ringEntries: number;
  pageFlip: boolean;
  grantMap: boolean;
  segmentationOffload: boolean;
  ownProcessor: boolean;
  rateKilobytes: number;
  ratePeriodMs: number;
  [name: string]: number | boolean;
}

export const splitDriverNetwork = definePart<"network", NetworkParameters>({
  slot: "network",
  name: "split-driver",
  summary: "front end in the guest, back end and real driver in dom0; received pages are exchanged or copied",
  parameters: {
    ringEntries: ringEntries(256, "Xen 1.x to 3.0: 256 packets in either direction"),
    pageFlip: {
      summary: "received packets are given to the guest by exchanging pages (off: copied)",
      default: true,
      source: "Xen 2.0 and 3.0; Menon 2006 replaced it by a copy",
    },
    grantMap: {
      summary: "dom0 maps the pages of a packet to send (off: only its header is read)",
      default: true,
      source: "Xen 2.0 and 3.0; Menon 2006 did away with it",
    },
    segmentationOffload: {
      summary: "segments of up to 64 KiB, cut into packets by the real interface",
      default: false,
      source: "Menon 2006, section 3: not in Xen 2.0",
    },
    ownProcessor,
    rateKilobytes: {
      summary: "most that a guest sends in a period, where many share a host (0: no limit)",
      default: 0,
      unit: "kB",
      min: 0,
      source: "Xen, option rate of a vif: none by default",
    },
    ratePeriodMs: {
      summary: "that period",
      default: 50,
      unit: "ms",
      min: 1,
      source: "Xen, xl-network-configuration: replenishment interval of 50 ms",
    },
  },
  needs: SPLIT_DRIVER_COSTS,
  queueOf: ({ ringEntries: entries, rateKilobytes, ratePeriodMs }) => ({
    entries,
    pagesPerRequest: Infinity,
    inTurn: 1,
    underWay: PACKETS_UNDER_WAY,
    rate: rateKilobytes > 0 ? { bytes: rateKilobytes * 1000, periodUs: ratePeriodMs * 1000 } : undefined,
  }),
  create: (parameters, context) =>
    new FrontEnd(
      {
        device: "network",
        eventChannels: true,
        ringEntries: parameters.ringEntries,
        segmentBytes: parameters.segmentationOffload ? LARGEST_SEGMENT : 0,
        ...(parameters.pageFlip && { exchange: GUEST_EXCHANGE }),
      },
      new DriverDomain({ device: "network", ...parameters }, context),
      context,
    ),
});
