import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KernelPages } from "../../src/guest/kernel-pages.ts";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { PAGE_TABLE_FORMATS } from "../../src/machine/page-tables.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import type { Part } from "../../src/vmm/contract.ts";
import { bareDisk, bareNetwork } from "../../src/vmm/io/bare.ts";
import { driverDomainNetwork } from "../../src/vmm/io/driver-domain.ts";
import { emulatedDisk, emulatedNetwork } from "../../src/vmm/io/emulated.ts";
import { type BackEnd, FrontEnd } from "../../src/vmm/io/front-end.ts";
import { hostedDisk, hostedNetwork } from "../../src/vmm/io/hosted.ts";
import type { SharedRing } from "../../src/vmm/io/shared-ring.ts";
import { splitDriverDisk, splitDriverNetwork } from "../../src/vmm/io/split-driver.ts";
import { vmkernelDisk, vmkernelNetwork, vmxnet } from "../../src/vmm/io/vmkernel.ts";
import { xenDriversDisk, xenDriversNetwork } from "../../src/vmm/io/xen-drivers.ts";
import type { IoPath, MonitorContext } from "../../src/vmm/monitor-contract.ts";
import { FREE_ENTRY, XEON } from "./machines.ts";

type IoPart = Part<"disk" | "network">;

/** With hardware support for virtualization, too. */
const MACHINE: MachineProfile = {
  ...XEON,
  costs: { ...XEON.costs, "hardware-assist.exit": 1931, "hardware-assist.entry": 2409 },
};

function contextOn(meter: Meter): MonitorContext {
  return {
    profile: MACHINE,
    meter,
    tlb: new Tlb(64, 64),
    faultAddress: new FaultAddress(),
    pageTableFormat: PAGE_TABLE_FORMATS.ia32,
    machineFrames: new Uint32Array(0),
    vmmEntry: FREE_ENTRY,
  };
}

/** What using an I/O path leads to. */
function use(part: IoPart, action: (path: IoPath, meter: Meter) => void) {
  const meter = new Meter();
  action(part.definition.create(part.parameters, contextOn(meter)), meter);
  return { events: meter.ledger.eventsByCause(), cycles: meter.ledger.cyclesByCause(), meter };
}

const PACKET = 1500;

function send(path: IoPath, packets: number): void {
  for (let packet = 0; packet < packets; packet++) path.submit(PACKET, true);
  path.notify();
  path.interruptsForSent();
}

function receive(path: IoPath, packets: number): void {
  path.interrupt(0, packets, packets * PACKET, false);
  for (let packet = 0; packet < packets; packet++) path.complete(PACKET, false);
}

function transfer(path: IoPath, bytes: number, write: boolean): void {
  path.submit(bytes, write);
  path.notify();
  path.interrupt(0, 1, bytes, write);
  path.complete(bytes, write);
}

const NETWORKS: readonly IoPart[] = [
  bareNetwork(),
  driverDomainNetwork(),
  emulatedNetwork(),
  hostedNetwork(),
  hostedNetwork({ registersInVmm: false, combinedSends: 0, sharedMemoryNotification: false }),
  splitDriverNetwork(),
  splitDriverNetwork({ pageFlip: false, grantMap: false }),
  vmkernelNetwork(),
  vmxnet(),
  xenDriversNetwork(),
];
const DISKS: readonly IoPart[] = [
  bareDisk(),
  emulatedDisk(),
  hostedDisk(),
  splitDriverDisk(),
  vmkernelDisk(),
  xenDriversDisk(),
];

describe.each(NETWORKS.map((part) => ({ name: `${part.definition.name} ${JSON.stringify(part.parameters)}`, part })))(
  "the network path $name",
  ({ part }) => {
    it.each([
      { what: "sent", act: send },
      { what: "received", act: receive },
    ])("takes no more for a packet $what in a larger batch", ({ act }) => {
      let before = Infinity;
      for (let packets = 1; packets <= 64; packets++) {
        const perPacket = use(part, (path) => act(path, packets)).meter.now / packets;
        // Sizes are rounded to whole cycles.
        expect(perPacket).toBeLessThanOrEqual(before + 1);
        before = perPacket;
      }
    });

    it("charges what its clock shows", () => {
      const { meter } = use(part, (path) => {
        send(path, 7);
        receive(path, 5);
      });
      expect(meter.ledger.total).toBe(meter.now);
      expect(meter.now).toBeGreaterThan(0);
    });
  },
);

it.each(DISKS.map((part) => ({ name: part.definition.name, part })))(
  "the disk path $name charges what its clock shows",
  ({ part }) => {
    for (const write of [false, true]) {
      const { meter } = use(part, (path) => transfer(path, 131_072, write));
      expect(meter.ledger.total).toBe(meter.now);
    }
  },
);

describe("a split driver", () => {
  it("maps every page of a request by a grant, and at least one", () => {
    for (const [bytes, grants] of [
      [0, 1],
      [4096, 1],
      [4097, 2],
      [65_536, 16],
    ]) {
      const { events } = use(splitDriverDisk(), (path) => transfer(path, bytes, true));
      expect(events["io.backend.grant"], `${bytes} bytes`).toBe(grants);
    }
  });

  it("puts 11 pages into a block request", () => {
    // 32 pages are three requests: three put, three answers taken.
    const { events } = use(splitDriverDisk(), (path) => transfer(path, 131_072, false));
    expect(events["io.frontend"]).toBe(6);
  });

  it("exchanges the page of every packet received, or copies it", () => {
    expect(use(splitDriverNetwork(), (path) => receive(path, 3)).events["io.backend.page-flip"]).toBe(3);
    const { events, cycles } = use(splitDriverNetwork({ pageFlip: false }), (path) => receive(path, 3));
    expect(events["io.backend.page-flip"]).toBeUndefined();
    expect(cycles["io.backend.copy"]).toBe(3 * Math.round((PACKET / 4096) * primitiveCost(XEON, "page.copy")));
    expect(use(splitDriverNetwork(), (path) => send(path, 3)).events["io.backend.page-flip"]).toBeUndefined();
  });

  it("takes one event, and a switch to the driver domain and back, for a burst of requests", () => {
    const { events } = use(splitDriverNetwork(), (path) => send(path, 5));
    expect([events["vmm.event-channel"], events["io.backend.domain-switch"]]).toEqual([1, 2]);
    expect([events["io.frontend"], events["io.backend.request"], events["io.backend.grant"]]).toEqual([5, 5, 5]);
  });

  it("drops what the TLB holds when domains are switched", () => {
    const meter = new Meter();
    const context = contextOn(meter);
    context.tlb.insert(5, 1);
    const part = splitDriverNetwork();
    send(part.definition.create(part.parameters, context), 1);
    expect(context.tlb.lookup(5)).toBe(-1);
  });

  it("finds no page of another domain's kernel in the TLB, be it global", () => {
    const meter = new Meter();
    const tlb = new Tlb(64, 64);
    const pages = new KernelPages({}, { largePages: true, global: true }, tlb, meter, XEON);
    const part = splitDriverNetwork();
    const path = part.definition.create(part.parameters, { ...contextOn(meter), tlb, kernelPages: pages });
    const misses = (name: string): number => meter.ledger.eventsByCause()[name] ?? 0;
    pages.visit(0);
    receive(path, 8);
    // Large pages: one has what belongs to the interface, one the sk_buffs, one the data of packets; nothing is left of a batch.
    expect(misses("io.backend.tlb-miss")).toBe(3);
    receive(path, 8);
    expect(misses("io.backend.tlb-miss")).toBe(6);
    pages.visit(0);
    expect(misses("hardware.tlb-miss.kernel")).toBe(2);
  });

  it("goes on with packets that come while it is at it, without an event, if it has a processor of its own", () => {
    const { events, meter } = use(splitDriverNetwork({ ownProcessor: true }), (path, clock) => {
      path.submit(PACKET, true);
      const first = path.notify();
      path.submit(PACKET, true);
      const second = path.notify();
      expect(second).toBeGreaterThan(first);
      clock.now = second + 1;
      path.submit(PACKET, true);
      expect(path.notify()).toBeGreaterThan(second);
    });
    expect(events["vmm.event-channel"]).toBe(2);
    const backend = Object.keys(events).filter((name) => name.startsWith("io.backend"));
    expect(backend, "nothing of the back end takes time of the guest's processor").toEqual([]);
    expect(meter.elsewhere.eventsByCause()["io.backend.request"]).toBe(3);
    expect(meter.elsewhere.eventsByCause()["io.backend.domain-switch"], "as many wake-ups as events").toBe(2);
  });

  /**
   * Lines that go from one processor to the other: ten for an event that wakes somebody up, as many back; two for a batch, and three for a
   * packet, its grant and its headers.
   */
  it("wakes a driver domain that sleeps on its own processor, and moves lines to it for what is on the ring in any case", () => {
    const { events, meter } = use(splitDriverNetwork({ ownProcessor: true }), (path) => {
      path.submit(PACKET, true);
      path.notify();
      path.submit(PACKET, true);
      path.submit(PACKET, true);
      path.notify();
    });
    expect(events["hardware.cache-line-transfer"]).toBe(10);
    const driver = meter.elsewhere.eventsByCause();
    expect(driver["io.backend.cache-line-transfer"]).toBe(10 + (2 + 3) + (2 + 2 * 3));
    expect(driver["io.backend.wake-up"]).toBe(1);
  });

  /** Of a packet that is exchanged: two lines for the batch, three for the guest's pages, one for the grant; back, and its headers and page, too. */
  it.each([
    { halts: true, event: 10, wakeUps: 1 },
    { halts: false, event: 3, wakeUps: undefined },
  ])("wakes a guest that sleeps on its own processor (it does: $halts)", ({ halts, event, wakeUps }) => {
    const { events, meter } = use(splitDriverNetwork({ ownProcessor: true }), (path) => {
      if (halts) path.halt?.();
      receive(path, 1);
    });
    const driver = meter.elsewhere.eventsByCause();
    expect(driver["io.backend.cache-line-transfer"]).toBe(2 + 3 + 1 + event);
    expect(driver["io.backend.wake-up"], "by the interface").toBe(1);
    expect(events["hardware.cache-line-transfer"]).toBe(event + 2 + 3 + 1 + 3);
    expect(events["vmm.event-channel.wake-up"]).toBe(wakeUps);
  });

  it("moves no lines and wakes nobody up where both share a processor", () => {
    const { events } = use(splitDriverNetwork(), (path) => {
      path.submit(PACKET, true);
      path.notify();
      path.halt?.();
      receive(path, 1);
    });
    const moved = Object.keys(events).filter((name) => /transfer|wake-up/.test(name));
    expect(moved).toEqual([]);
  });
});

describe("a front end", () => {
  /** A back end that keeps nothing but books. */
  class Books implements BackEnd {
    readonly requests: number[] = [];
    answers = 0;
    catchUp(): void {}
    takeRequests(ring: SharedRing): number {
      while (ring.waiting > 0) this.requests.push(ring.takeRequest());
      ring.awaitRequests();
      return 0;
    }
    answer(_at: number, ring: SharedRing, entries: number, _bytes: number, sent: SharedRing | undefined): number {
      const outgoing = sent ?? ring;
      const count = sent === undefined ? entries : sent.unanswered;
      for (let entry = 0; entry < count; entry++) outgoing.putResponse();
      outgoing.publishResponses();
      this.answers += count;
      return 0;
    }
  }

  it("hands over every byte, and gets an answer for every request, however small the ring", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("disk" as const, "network" as const),
        fc.integer({ min: 2, max: 40 }),
        fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 20 }),
        (device, ringEntries, sizes) => {
          const books = new Books();
          const settings = { device, ringEntries, segmentBytes: 0 };
          const frontEnd = new FrontEnd(settings, books, contextOn(new Meter()));
          for (const bytes of sizes) {
            frontEnd.submit(bytes);
            frontEnd.notify();
            frontEnd.interrupt(0, device === "disk" ? 1 : 0, bytes);
            if (device === "disk") frontEnd.complete(bytes);
          }
          const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
          expect(books.requests.reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
          expect(books.answers).toBe(books.requests.length);
          expect(Math.max(...books.requests)).toBeLessThanOrEqual(device === "disk" ? 11 * 4096 : 4096);
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** Cycles of sending one packet and of receiving one: calls to tell of events, and locked instructions. */
function ofEvents(part: IoPart): readonly (number | undefined)[] {
  const { cycles } = use(part, (path) => {
    send(path, 1);
    receive(path, 1);
  });
  return [cycles["vmm.event-channel"], cycles["vmm.event-channel.locked-instruction"]];
}

it("an event channel locks the bus five times for who sends and four times for who takes, Xen 1.x does not count", () => {
  const call = primitiveCost(XEON, "xen.hypercall");
  const locked = primitiveCost(XEON, "hardware.locked-instruction");
  expect(ofEvents(splitDriverNetwork())).toEqual([call, (5 + 4) * locked]);
  expect(ofEvents(xenDriversNetwork())).toEqual([call, undefined]);
});

describe("drivers in the hypervisor", () => {
  it("take no driver domain, and one call for a burst", () => {
    const { events } = use(xenDriversNetwork(), (path) => {
      send(path, 5);
      receive(path, 4);
    });
    expect(Object.keys(events).filter((name) => name.startsWith("io.backend"))).toEqual([]);
    expect([events["vmm.event-channel"], events["io.hypervisor.page-exchange"]]).toEqual([1, 4]);
  });
});

/** Of a path whose interrupts are handled by another processor, and of the same one by itself. */
function apart(part: typeof xenDriversNetwork | typeof xenDriversDisk, action: (path: IoPath) => void) {
  const { meter, cycles } = use(part({ otherProcessor: true }), action);
  return { there: meter.elsewhere.cyclesByCause(), cycles, alone: use(part(), action).cycles };
}

describe("interrupts that another processor handles", () => {
  const LINE = primitiveCost(XEON, "hardware.cache-line-transfer");
  const KINDS = ["driver", "request", "page-exchange"];

  it("are the same work, whoever does it", () => {
    const burst = fc.record({ sent: fc.integer({ min: 0, max: 40 }), received: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(fc.array(burst, { minLength: 1, maxLength: 8 }), (uses) => {
        const { there, cycles, alone } = apart(xenDriversNetwork, (path) => {
          for (const { sent, received } of uses) {
            send(path, sent);
            receive(path, received);
          }
        });
        for (const kind of KINDS) {
          const both = (cycles[`io.hypervisor.${kind}`] ?? 0) + (there[`io.hypervisor.interrupt.${kind}`] ?? 0);
          expect(both).toBe(alone[`io.hypervisor.${kind}`]);
        }
        expect(there["io.hypervisor.interrupt"]).toBe(uses.length * primitiveCost(XEON, "hardware.interrupt"));
        const { "hardware.cache-line-transfer": _, ...others } = cycles;
        const { ...before } = alone;
        for (const kind of KINDS) {
          delete others[`io.hypervisor.${kind}`];
          delete before[`io.hypervisor.${kind}`];
        }
        expect(others).toEqual(before);
      }),
    );
  });

  it.each([
    // Interrupt by interrupt, as counted in Xen's source.
    { what: "a packet received", act: (path: IoPath) => receive(path, 1), handler: 8 + 2, guest: 7 + 2 },
    { what: "eight received together", act: (path: IoPath) => receive(path, 8), handler: 8 + 16, guest: 7 + 16 },
    {
      what: "four sent, and acknowledged by two together",
      act: (path: IoPath) => {
        send(path, 4);
        receive(path, 2);
      },
      handler: 8 + 2 * 2 + 2 + 4 * 3,
      guest: 7 + 2 * 2 + 2 + 4,
    },
  ])("take lines from each other's caches: $what", ({ act, handler, guest }) => {
    const { there, cycles } = apart(xenDriversNetwork, act);
    expect(there["io.hypervisor.interrupt.cache-line-transfer"]).toBe(handler * LINE);
    expect(cycles["hardware.cache-line-transfer"]).toBe(guest * LINE);
  });

  it("are those of a disk, too, one for a request and all that it reads", () => {
    // Eleven pages are a request.
    const { there, cycles } = apart(xenDriversDisk, (path) => transfer(path, 22 * 4096, false));
    expect(there["io.hypervisor.interrupt.cache-line-transfer"]).toBe((3 + 2 * 3) * LINE);
    expect(cycles["hardware.cache-line-transfer"]).toBe((3 + 2) * LINE);
  });
});

it("an interrupt of a domain's own device is masked, and unmasked by a call", () => {
  const { events, cycles } = use(driverDomainNetwork(), (path) => {
    receive(path, 5);
    receive(path, 1);
  });
  expect(events["io.interrupt-mask"]).toBe(2);
  // The register of the I/O APIC is chosen, read and written back: once to mask, once to unmask. Xen 2.0.6 by hand, LOCK by LOCK: two
  // spin locks and bts of pirq_mask, bts pending, bts of the word, bts of the upcall, btr of DF_BLOCKED; in the guest XCHG of the word, bts and btr of
  // mask and pending, btr of the mask; in the call the spin locks of interrupt and I/O APIC, btr of pirq_mask.
  const locked = 2 + 1 + 4 + 4 + 3;
  const once =
    primitiveCost(XEON, "xen.hypercall") +
    6 * primitiveCost(XEON, "hardware.device-access") +
    locked * primitiveCost(XEON, "hardware.locked-instruction");
  expect(cycles["io.interrupt-mask"]).toBe(2 * once);
});

function copied(part: IoPart, action: (path: IoPath) => void): number | undefined {
  return use(part, action).cycles["io.vmkernel.copy"];
}

describe("the vmkernel", () => {
  it("copies a received packet into the guest, byte by byte, and nothing else", () => {
    expect(copied(vmkernelNetwork(), (path) => receive(path, 1))).toBe(
      Math.round((PACKET / 4096) * primitiveCost(XEON, "page.copy")),
    );
    expect(copied(vmkernelNetwork(), (path) => send(path, 1))).toBeUndefined();
    for (const write of [false, true]) {
      expect(copied(vmkernelDisk(), (path) => transfer(path, 8192, write))).toBeUndefined();
    }
  });

  it("emulates as many accesses to device registers as it is told", () => {
    const part = vmkernelNetwork({ submitAccesses: 7, interruptAccesses: 2 });
    expect(use(part, (path) => send(path, 3)).events["io.device-emulation"]).toBe(21);
    expect(use(part, (path) => receive(path, 3)).events["io.device-emulation"]).toBe(2);
    const { events } = use(vmxnet(), (path) => {
      send(path, 3);
      receive(path, 3);
    });
    expect(events["io.device-emulation"], "one access per burst and per interrupt").toBe(2);
  });
});

function worldSwitches(events: Record<string, number>): number {
  const counts = Object.entries(events).filter(([name]) => name.startsWith("io.hosted.switch."));
  return counts.reduce((sum, [, count]) => sum + count, 0);
}

function switches(part: IoPart, action: (path: IoPath, meter: Meter) => void): number {
  return worldSwitches(use(part, action).events);
}

/** Sends a packet every so often, 300 times. */
function spaced(microseconds: number): (path: IoPath, meter: Meter) => void {
  return (path, meter) => {
    for (let packet = 0; packet < 300; packet++) {
      meter.now += microseconds * XEON.megahertz;
      send(path, 1);
    }
  };
}

/** Why the VMM was entered, each time. */
function entries(action: (path: IoPath) => void): string[] {
  const reasons: string[] = [];
  const vmmEntry = { ...FREE_ENTRY, enter: (reason: string) => void reasons.push(reason) };
  const part = hostedNetwork({ combinedSends: 0 });
  action(part.definition.create(part.parameters, { ...contextOn(new Meter()), vmmEntry }));
  return reasons;
}

function accesses(count: number): string[] {
  return Array.from({ length: count }, () => "device-register");
}

function cost(name: string, part: IoPart, action: (path: IoPath) => void): number {
  return use(part, action).cycles[name];
}

function hostSend(bytes: number): number {
  return cost("io.hosted.host-send", hostedNetwork({ combinedSends: 0 }), (path) => {
    path.submit(bytes, true);
    path.notify();
  });
}

function hostReceive(count: number, bytes: number): number {
  return cost("io.hosted.host-receive", hostedNetwork(), (path) => path.interrupt(0, count, bytes, false));
}

/** Of two pages. */
function hostDisk(way: "send" | "receive", write: boolean): number {
  return cost(`io.hosted.host-${way}`, hostedDisk(), (path) => transfer(path, 8192, write));
}

/** Cycles of the host's handler, for packets that have come or gone. */
function hostInterrupt(count: number, write: boolean): number {
  return cost("io.hosted.host-interrupt", hostedNetwork(), (path) => path.interrupt(0, count, count * PACKET, write));
}

/**
 * World switches, counted by hand from Sugerman 2001, sections 2.4 and 3.4. The handler of Linux 2.2.17 makes four accesses to the
 * Lance's data port (drivers/net/pcnet32.c: status read, acknowledged, read again, interrupts enabled), each of which is the VMApp's in
 * version 2.0, and five to the interrupt controllers (arch/i386/kernel/irq.c).
 */
describe("hosted I/O", () => {
  const VERSION_2 = { registersInVmm: false, combinedSends: 0, sharedMemoryNotification: false };

  it("of version 2.0 switches there and back for a packet, and for each access of the handler", () => {
    expect(switches(hostedNetwork(VERSION_2), (path) => send(path, 1))).toBe(2 + 4 * 2);
    expect(switches(hostedNetwork(VERSION_2), (path) => receive(path, 1))).toBe(2 + 4 * 2);
    expect(use(hostedNetwork(VERSION_2), (path) => receive(path, 1)).events["io.hosted.select"]).toBe(1);
  });

  it("switches there and back for a packet only, once registers are emulated in the VMM", () => {
    const part = hostedNetwork({ combinedSends: 0 });
    expect(switches(part, (path) => send(path, 1))).toBe(2);
    expect(switches(part, (path) => receive(path, 5))).toBe(2);
    expect(use(part, (path) => receive(path, 5)).events["io.hosted.select"]).toBeUndefined();
  });

  it("combines three packets in one switch where switches are frequent, and none where they are rare", () => {
    // Ticks of a host's clock are 10 ms apart.
    expect(switches(hostedNetwork(), spaced(10_000))).toBe(600);
    const often = switches(hostedNetwork(), spaced(10));
    // The first few show that it is worth while.
    expect(often).toBeGreaterThanOrEqual(200);
    expect(often).toBeLessThan(250);
  });

  it("sends what waits when an interrupt of the host comes", () => {
    const { events } = use(hostedNetwork(), (path, meter) => {
      for (let packet = 0; packet < 50; packet++) {
        meter.now += 10 * XEON.megahertz;
        send(path, 1);
      }
      receive(path, 1);
    });
    expect(events["io.hosted.host-send"]).toBe(50);
  });

  it("gives the host the processor when the guest halts: one switch there, and one back with the next interrupt", () => {
    const { events } = use(hostedNetwork({ sharedMemoryNotification: false }), (path) => {
      path.halt?.();
      receive(path, 1);
      receive(path, 1);
    });
    expect(events["io.hosted.switch.halt"]).toBe(1);
    expect(events["io.hosted.switch.interrupt"]).toBe(1 + 2);
    expect(events["io.hosted.wake-up"]).toBe(1);
    // The one in which the VMApp sleeps tells it what has come; the guest that runs needs one for that.
    expect(events["io.hosted.select"]).toBe(2);
  });

  it("sends what waits before the guest halts, and tells the guest, which then halts for good", () => {
    const { events } = use(hostedNetwork(), (path, meter) => {
      // Switches are frequent: packets wait for one.
      for (let packet = 0; packet < 60; packet++) {
        meter.now += 10 * XEON.megahertz;
        send(path, 1);
      }
      receive(path, 1);
      send(path, 2);
      const before = meter.ledger.eventsByCause()["io.hosted.host-send"];
      path.halt?.();
      expect(meter.ledger.eventsByCause()["io.hosted.host-send"]).toBe(before + 2);
      expect(meter.ledger.eventsByCause()["io.hosted.wake-up"]).toBeUndefined();
      expect(path.interruptsForSent()).toBe(true);
      path.halt?.();
      expect(path.interruptsForSent()).toBe(false);
    });
    expect(events["io.hosted.switch.halt"]).toBe(2 + 1);
    expect(events["io.hosted.host-send"]).toBe(62);
  });

  it("has the processor halt in the VMM where it is told to, and packets wait for the next switch", () => {
    const reasons: string[] = [];
    const vmmEntry = { ...FREE_ENTRY, enter: (reason: string) => void reasons.push(reason) };
    const meter = new Meter();
    const part = hostedNetwork({ haltsInVmm: true });
    part.definition.create(part.parameters, { ...contextOn(meter), vmmEntry }).halt?.();
    expect(reasons, "HLT is a privileged instruction").toEqual(["instruction"]);
    expect(meter.now).toBe(0);
  });

  it("gives a disk request to the host's kernel, and takes an interrupt for it", () => {
    const { events } = use(hostedDisk(), (path) => transfer(path, 4096, true));
    expect([worldSwitches(events), events["io.hosted.host-send"]]).toEqual([4, 1]);
    expect(events["io.hosted.host-receive"]).toBeUndefined();
  });

  it("stops the guest for each access to a register: of the handler four to the device and five to the controllers", () => {
    expect(entries((path) => receive(path, 5))).toEqual(accesses(9));
    // The one that starts it, and the handler of the interrupt that says it is gone.
    expect(entries((path) => send(path, 1))).toEqual(accesses(1 + 9));
    expect(entries((path) => path.submit(PACKET, true))).toEqual(accesses(1));
  });

  it("copies a packet, and what a disk request moves, between the VMApp and the host's kernel: once each way", () => {
    // 22460 cycles for a packet of 1500 bytes; 6144 for a page of 4096.
    const perByte = 6144 / 4096;
    expect(hostSend(1500)).toBe(22_460);
    expect(hostSend(60)).toBe(22_460 - 1440 * perByte);
    expect(hostReceive(3, 3 * 500)).toBe(3 * (22_460 - 1000 * perByte));
    expect(hostDisk("send", true) - hostDisk("send", false)).toBe(2 * 6144);
    expect(hostDisk("receive", false)).toBe(2 * 6144);
  });

  it("lets the host's network layer have a packet that arrives, but none that is sent", () => {
    expect(hostInterrupt(3, false) - hostInterrupt(3, true)).toBe(3 * XEON.kernelPaths["receive-packet"]);
  });
});

/** How often the guest is left for an access to a port, and for one that has to be decoded. */
function exits(part: IoPart, action: (path: IoPath) => void) {
  const left: string[] = [];
  const meter = new Meter();
  const vmmEntry = { ...FREE_ENTRY, enter: (reason: string) => void left.push(reason) };
  action(part.definition.create(part.parameters, { ...contextOn(meter), vmmEntry }));
  const count = (reason: string): number => left.filter((each) => each === reason).length;
  return { ports: count("instruction"), decoded: count("device-register") };
}

describe("an emulated device", () => {
  const LOCKED = primitiveCost(XEON, "hardware.locked-instruction");
  const call = primitiveCost(XEON, "hardware.system-call") + primitiveCost(XEON, "xen.fast-system-call");
  const kernel = XEON.kernelPaths;

  it("leaves the guest for every access, and switches domains twice for each", () => {
    const part = emulatedNetwork({ submitAccesses: 2, sentAccesses: 1, interruptAccesses: 3, receiveAccesses: 5 });
    // As 8139too does: 2, then 3 and 1; for two packets received 3, 5 each, and 1 that finds nothing. Each interrupt: 5 of the 8259s.
    fc.assert(
      fc.property(fc.nat({ max: 20 }), fc.nat({ max: 20 }), (sent, received) => {
        const act = (path: IoPath): void => {
          if (sent > 0) send(path, sent);
          if (received > 0) receive(path, received);
        };
        const { ports, decoded } = exits(part, act);
        const ofSent = sent > 0 ? 3 * sent + 3 : 0;
        const ofReceived = received > 0 ? 5 * received + 4 : 0;
        const device = ofSent + ofReceived;
        expect([ports, decoded]).toEqual([0, device + 5 * (Number(sent > 0) + Number(received > 0))]);
        const { events } = use(part, act);
        expect(events["io.backend.domain-switch"] ?? 0).toBe(2 * (device + Number(received > 0)));
        expect(events["io.backend.bridge"] ?? 0).toBe(sent + received);
        expect(events["io.backend.copy"] ?? 0, "into the process and out of it").toBe(2 * (sent + received));
      }),
    );
  });

  it("says at once that a packet is gone, and says it once", () => {
    const asked: boolean[] = [];
    use(emulatedNetwork(), (path) => {
      asked.push(path.interruptsForSent());
      path.submit(PACKET, true);
      asked.push(path.interruptsForSent(), path.interruptsForSent());
    });
    expect(asked).toEqual([false, true, false]);
  });

  it("makes seven system calls for an access, one of them a hypercall", () => {
    const [one, two] = [1, 2].map((submitAccesses) => {
      const { cycles } = use(emulatedDisk({ submitAccesses }), (path) => path.submit(PACKET, true));
      return cycles["io.backend.device-model"];
    });
    // select, read, write, ioctl, and three times the time; select() takes as long as a stat().
    const paths = kernel["syscall-stat"] + 6 * kernel["syscall-null-io"] + kernel["context-switch"];
    const hypervisor = primitiveCost(XEON, "xen.hypercall") + primitiveCost(XEON, "xen.event-upcall");
    // The event to it is made by the hypervisor (4) and taken (4); its own is one more, for the lock of its channels.
    expect(two - one).toBe(7 * call + paths + hypervisor + (4 + 4 + 5) * LOCKED);
  });

  it("of a disk is told by ports", () => {
    expect(exits(emulatedDisk(), (path) => transfer(path, 4096, true))).toEqual({ ports: 17 + 6, decoded: 5 });
  });

  it("is woken up once for packets that come together, and goes round its loop for each", () => {
    const none = { submitAccesses: 0, sentAccesses: 0, interruptAccesses: 0, receiveAccesses: 0 };
    const process = (packets: number): number =>
      use(emulatedNetwork(none), (path) => receive(path, packets)).cycles["io.backend.device-model"];
    const round =
      5 * call +
      kernel["syscall-stat"] +
      4 * kernel["syscall-null-io"] +
      primitiveCost(XEON, "xen.hypercall") +
      5 * LOCKED;
    // select, the time twice, read, ioctl; waking it up: the event, and a switch to it. One access finds that there is no more.
    const access = round + 2 * (call + kernel["syscall-null-io"]) + 8 * LOCKED;
    const wakeUp = kernel["context-switch"] + primitiveCost(XEON, "xen.event-upcall");
    expect(process(1)).toBe(wakeUp + round + wakeUp + access);
    expect(process(7)).toBe(wakeUp + 7 * round + wakeUp + access);
  });
});

it("a bare device is told once of a burst", () => {
  const { events } = use(bareNetwork(), (path) => send(path, 5));
  expect(events).toEqual({ "guest.kernel": 5, "io.device-registers": 1 });
});
