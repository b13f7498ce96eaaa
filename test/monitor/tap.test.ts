import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { kernelPaths } from "../../src/guest/kernel-paths.ts";
import { Meter } from "../../src/machine/meter.ts";
import { measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { megabitsPerSecond, TCP } from "../../src/sim/microbenchmarks/tcp.ts";
import { buildMachine } from "../../src/sim/monitor-machine.ts";
import { uml } from "../../src/vmm/uml.ts";
import { XEON } from "./machines.ts";

/** Events by cause of an interrupt for packets of `mtu`, and of taking them. */
function eventsOf(packets: number, mtu: number): Record<string, number> {
  const meter = new Meter();
  const { cpu, networkPath } = buildMachine(uml, XEON, 16, meter);
  networkPath.interrupt(0, packets, packets * mtu, false);
  cpu.enterKernel("interrupt");
  cpu.runKernel(kernelPaths(XEON).interrupt, 1);
  for (let packet = 0; packet < packets; packet++) networkPath.complete(mtu, false);
  return meter.ledger.eventsByCause();
}

describe("the network of User-Mode Linux", () => {
  it("reads each packet, and once more; the host says so again for packets that come one by one", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.constantFrom(500, 1500), (packets, mtu) => {
        const events = eventsOf(packets, mtu);
        // The host takes some 5 us for a packet: one of 538 bytes on the wire comes in 4.3 us, one of 1538 in 12.3 us.
        const again = mtu === 1500 ? packets - 1 : 0;
        expect(events["io.tap.read"]).toBe(packets + 1);
        expect(events["io.tap.poll"]).toBe(2 + again);
        expect((events["vmm.tracing.signal"] ?? 0) + (events["io.tap.signal"] ?? 0)).toBe(1 + again);
        expect(events["io.tap.bridge"]).toBe(packets);
      }),
    );
  });

  /**
   * Calls of the host besides, read off the source line by line. local_irq_save, -restore: 2 each; cli, sti: 1.
   * sig_handler_common_skas: change_sig. do_IRQ: cli. do_softirq: save, sti, cli, restore. net_rx_action: cli, sti, cli, sti.
   * process_backlog, empty: cli, sti. uml_net_rx, in vain: alloc_skb, kfree_skb, two sections each. reactivate_fd: save,
   * restore, isatty. A packet: do_gettimeofday: save, gettimeofday, restore; netif_rx: save, restore; process_backlog: cli, sti.
   */
  it("calls the host for every change of the interrupt flag and for the time of a packet", () => {
    const interrupt = 1 + 1 + (2 + 1 + 1 + 2) + 4 + 2 + 4 * 4 + (2 + 2 + 1);
    const packet = 2 + 1 + 2 + (2 + 2) + (1 + 1);
    for (const packets of [1, 2, 7]) {
      const events = eventsOf(packets, 500);
      expect(events["vmm.tracing.signal-mask"] + events["vmm.tracing.host-call"]).toBe(interrupt + packets * packet);
    }
  });
});

/** Barham 2003, Table 6, Mb/s. Nothing of it is calibrated on these rows. */
it.each([
  { name: "ttcp-transmit-1500", published: 165 },
  { name: "ttcp-receive-1500", published: 203 },
  { name: "ttcp-transmit-500", published: 61.1 },
  { name: "ttcp-receive-500", published: 91.4 },
])("$name is within two fifths of the published rate", ({ name, published }) => {
  const benchmark = TCP.find((each) => each.name === name);
  if (benchmark === undefined) throw new Error(`no benchmark ${name}`);
  const mtu = Number(/\d+$/.exec(name)?.[0]);
  const simulated = megabitsPerSecond(measureMicrobenchmark(benchmark, uml, XEON).cost, mtu, XEON);
  expect(Math.abs(simulated / published - 1)).toBeLessThan(0.4);
});
