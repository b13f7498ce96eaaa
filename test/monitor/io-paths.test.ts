import { describe, expect, it } from "vitest";
import { Meter } from "../../src/machine/meter.ts";
import { PAGE_TABLE_FORMATS } from "../../src/machine/page-tables.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import type { Part } from "../../src/vmm/contract.ts";
import { bareNetwork } from "../../src/vmm/io/bare.ts";
import { splitDriverDisk, splitDriverNetwork } from "../../src/vmm/io/split-driver.ts";
import { vmkernelDisk, vmkernelNetwork } from "../../src/vmm/io/vmkernel.ts";
import type { IoPath } from "../../src/vmm/monitor-contract.ts";
import { FREE_ENTRY, XEON } from "./machines.ts";

/** Events, or cycles, by cause that using an I/O path leads to. */
function use(part: Part<"disk" | "network">, action: (path: IoPath) => void) {
  const meter = new Meter();
  const path = part.definition.create(part.parameters, {
    profile: XEON,
    meter,
    tlb: new Tlb(64, 64),
    pageTableFormat: PAGE_TABLE_FORMATS.ia32,
    machineFrames: new Uint32Array(0),
    vmmEntry: FREE_ENTRY,
  });
  action(path);
  return { events: meter.ledger.eventsByCause(), cycles: meter.ledger.cyclesByCause() };
}

const submit = (bytes: number) => (path: IoPath) => path.submit(bytes, true);
const complete = (bytes: number, write: boolean) => (path: IoPath) => path.complete(bytes, write);

const PACKET = 1448;

function flips(part: Part<"disk" | "network">, write: boolean): number | undefined {
  return use(part, complete(PACKET, write)).events["io.backend.page-flip"];
}

function copied(part: Part<"disk" | "network">, write: boolean): number | undefined {
  return use(part, complete(PACKET, write)).cycles["io.vmkernel.copy"];
}

describe("a split driver", () => {
  it("maps every page of a request by a grant, and at least one", () => {
    for (const [bytes, grants] of [
      [0, 1],
      [4096, 1],
      [4097, 2],
      [65_536, 16],
    ]) {
      expect(use(splitDriverDisk(), submit(bytes)).events["io.backend.grant"], `${bytes} bytes`).toBe(grants);
    }
  });

  it("exchanges the page of a packet received, and of nothing else", () => {
    expect([flips(splitDriverNetwork(), false), flips(splitDriverNetwork(), true)]).toEqual([1, undefined]);
    expect([flips(splitDriverDisk(), false), flips(splitDriverDisk(), true)]).toEqual([undefined, undefined]);
  });

  it("takes one event, and one switch to the driver domain, for a burst of requests", () => {
    const { events } = use(splitDriverNetwork(), (path) => {
      for (let packet = 0; packet < 5; packet++) path.submit(PACKET, true);
      path.notify();
    });
    expect([events["vmm.event-channel"], events["io.backend.domain-switch"]]).toEqual([1, 1]);
    expect([events["io.frontend"], events["io.backend.request"], events["io.backend.grant"]]).toEqual([5, 5, 5]);
  });
});

describe("the vmkernel", () => {
  it("copies a received packet into the guest, byte by byte, and nothing else", () => {
    expect(copied(vmkernelNetwork(), false)).toBe(Math.round((PACKET / 4096) * primitiveCost(XEON, "page.copy")));
    for (const cycles of [copied(vmkernelNetwork(), true), copied(vmkernelDisk(), false), copied(vmkernelDisk(), true)])
      expect(cycles).toBeUndefined();
  });

  it("emulates as many accesses to device registers as it is told", () => {
    const part = vmkernelNetwork({ submitAccesses: 7, completeAccesses: 2 });
    expect(use(part, submit(100)).events["io.device-emulation"]).toBe(7);
    expect(use(part, complete(100, true)).events["io.device-emulation"]).toBe(2);
  });
});

it("a bare device is told once of a burst", () => {
  const { events } = use(bareNetwork(), (path) => {
    for (let packet = 0; packet < 5; packet++) path.submit(PACKET, true);
    path.notify();
  });
  expect(events).toEqual({ "guest.kernel": 5, "io.device-registers": 1 });
});
