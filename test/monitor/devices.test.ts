import { expect, it } from "vitest";
import { Disk } from "../../src/machine/disk.ts";
import { HEADER_BYTES, MTU, NetworkLink } from "../../src/machine/network-link.ts";
import { runMonitor } from "../../src/sim/monitor.ts";
import { esx } from "../../src/vmm/esx.ts";
import { splitDriverNetwork } from "../../src/vmm/io/split-driver.ts";
import { native } from "../../src/vmm/native.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { xenPv1 } from "../../src/vmm/xen-pv-1.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { SMALL_GUEST, XEON } from "./machines.ts";

const MICROSECOND = XEON.megahertz;

it("positions the disk's head except for a request that goes on where the last one ended", () => {
  // To wherever the head goes, it takes the mean; how it depends on the distance: disk-positioning.test.ts.
  const { stroke: _, ...alike } = XEON.disk;
  const disk = new Disk({ ...XEON, disk: alike });
  const { positioningUs, megabytesPerSecond } = alike;
  const transfer = 4096 / megabytesPerSecond;
  const first = disk.serve(0, 100, 1) / MICROSECOND;
  expect(first).toBeCloseTo(positioningUs + transfer, 2);
  expect(disk.serve(0, 101, 2) / MICROSECOND).toBeCloseTo(first + 2 * transfer, 2);
  expect(disk.serve(0, 100, 1) / MICROSECOND).toBeCloseTo(2 * first + 2 * transfer, 2);
  const idleUntil = 1e9;
  expect((disk.serve(idleUntil, 0, 1) - idleUntil) / MICROSECOND).toBeCloseTo(first, 2);
  expect(disk.busy / MICROSECOND).toBeCloseTo(3 * first + 2 * transfer, 2);
});

it("sends a full packet over gigabit Ethernet in 12.3 us (1538 bytes with framing), both directions at once", () => {
  const link = new NetworkLink(XEON);
  const payload = MTU - HEADER_BYTES;
  expect(link.transmit(0, payload) / MICROSECOND).toBeCloseTo(12.304, 2);
  expect(link.receive(0, payload) / MICROSECOND).toBeCloseTo(12.304, 2);
  expect(link.transmit(0, payload) / MICROSECOND).toBeCloseTo(2 * 12.304, 2);
});

/** A driver domain that shares the guest's processor leaves it too little: see Menon 2006, 750 Mb/s at 3 GHz. */
const xenOnTwoProcessors = { ...xenPv, network: splitDriverNetwork({ ownProcessor: true }) };

it.each([native, esx, xenPv1, xenOnTwoProcessors].map((vmm) => ({ name: vmm.name, vmm })))(
  "fills the wire when it sends in bulk, but no more: $name",
  ({ vmm }) => {
    const builder = new OperationStreamBuilder();
    for (let send = 0; send < 50; send++) builder.add(Op.Send, 128 * 1024);
    const workload = { name: "ttcp", guest: SMALL_GUEST, stream: builder.finish(), durationUs: 0, warmupUs: 0 };
    const { metrics } = runMonitor(vmm, XEON, workload);
    const megabits = (50 * 128 * 1024 * 8) / 1e3 / metrics.elapsed_ms;
    // 1448 of 1538 bytes are payload: 941 Mb/s. The last socket buffer is still on its way when the sender is done.
    expect(megabits).toBeGreaterThan(800);
    expect(megabits).toBeLessThan(970);
  },
);
