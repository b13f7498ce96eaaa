/**
 * I/O of Xen since 2.0: the guest's front end puts requests on a ring and sends an event; the back end in the driver
 * domain (dom0) maps the guest's pages by grants and has the native driver. What is done there is charged to causes that
 * begin with `io.backend`. Received packets are not copied: the page that holds one is exchanged for one of the guest's.
 */
import { cause } from "../../core/ledger.ts";
import { kernelPaths } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { IoPath, MonitorContext } from "../monitor-contract.ts";

const FRONTEND = cause("io.frontend");
const EVENT = cause("vmm.event-channel");
const PAGE_FLIP = cause("io.backend.page-flip");
const GRANT = cause("io.backend.grant");
const SWITCH = cause("io.backend.domain-switch");
const DRIVER = cause("io.backend.driver");
const BACKEND = cause("io.backend.request");
const NOTIFY = cause("io.backend.notify");
const PAGE_BYTES = 4096;

class SplitDriver implements IoPath {
  readonly #meter: Meter;
  readonly #isNetwork: boolean;
  readonly #driver: number;
  readonly #costs: ReturnType<typeof splitDriverCosts>;

  constructor(driver: "disk-driver" | "network-driver", context: MonitorContext) {
    this.#meter = context.meter;
    this.#isNetwork = driver === "network-driver";
    this.#driver = kernelPaths(context.profile)[driver].cycles;
    this.#costs = splitDriverCosts(context);
  }

  submit(bytes: number): void {
    this.#meter.spend(FRONTEND, this.#costs.ring);
    // The back end maps each page of the request, and unmaps it when the request is done.
    this.#meter.spendMany(GRANT, Math.max(1, Math.ceil(bytes / PAGE_BYTES)), this.#costs.grant);
    this.#meter.spend(BACKEND, this.#costs.backendRequest);
    this.#meter.spend(DRIVER, this.#driver);
  }

  /** The event wakes the driver domain, which works off what is on the ring. */
  notify(): void {
    this.#meter.spend(EVENT, this.#costs.hypercall);
    this.#meter.spend(SWITCH, this.#costs.domainSwitch + this.#costs.eventUpcall);
    this.#meter.spend(DRIVER, this.#costs.deviceAccess);
  }

  /** The interrupt belongs to the driver domain, which then sends the guest an event. */
  complete(_bytes: number, write: boolean): void {
    this.#meter.spend(SWITCH, this.#costs.domainSwitch + this.#costs.eventUpcall);
    this.#meter.spend(DRIVER, this.#driver + this.#costs.deviceAccess);
    this.#meter.spend(BACKEND, this.#costs.backendRequest);
    if (this.#isNetwork && !write) this.#meter.spend(PAGE_FLIP, this.#costs.pageFlip);
    this.#meter.spend(NOTIFY, this.#costs.hypercall);
    this.#meter.spend(FRONTEND, this.#costs.ring);
  }
}

function splitDriverCosts({ profile }: MonitorContext) {
  return {
    ring: primitiveCost(profile, "xen.ring-request"),
    grant: primitiveCost(profile, "xen.grant-map"),
    pageFlip: primitiveCost(profile, "xen.page-flip"),
    backendRequest: primitiveCost(profile, "xen.backend-request"),
    domainSwitch: primitiveCost(profile, "xen.domain-switch"),
    eventUpcall: primitiveCost(profile, "xen.event-upcall"),
    hypercall: primitiveCost(profile, "xen.hypercall"),
    deviceAccess: primitiveCost(profile, "hardware.device-access"),
  };
}

const needs = [
  "xen.ring-request",
  "xen.grant-map",
  "xen.page-flip",
  "xen.backend-request",
  "xen.domain-switch",
  "xen.event-upcall",
  "xen.hypercall",
  "hardware.device-access",
];

export const splitDriverDisk = definePart({
  slot: "disk",
  name: "split-driver",
  summary: "front end in the guest, back end and real driver in dom0",
  parameters: {},
  needs,
  create: (_, context) => new SplitDriver("disk-driver", context),
});

export const splitDriverNetwork = definePart({
  slot: "network",
  name: "split-driver",
  summary: "front end in the guest, back end and real driver in dom0; received pages are exchanged",
  parameters: {},
  needs,
  create: (_, context) => new SplitDriver("network-driver", context),
});
