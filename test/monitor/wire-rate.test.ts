/** Nobody transfers faster than the wire: bulk transfers of every VMM on every machine of the package. */
import { describe, expect, it } from "vitest";
import { packagedMachines } from "../../src/experiment/packaged-machines.ts";
import { measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import { TCP } from "../../src/sim/microbenchmarks/tcp.ts";
import { VMMS } from "../../src/vmm/registry.ts";

/**
 * Who takes some part less for a packet than the wire is ahead of it by that part of what has been sent, but by no more than the socket
 * buffer. Twenty buffers are sent before it counts, so that only who takes less than a twentieth less may still be getting ahead.
 */
const AHEAD = 0.05;
/** Preamble, header, checksum and gap of a frame (IEEE 802.3). */
const FRAMING_BYTES = 38;

describe.each(packagedMachines().filter(({ unit }) => unit === "cycles"))("$name", (profile) => {
  const vmms = VMMS.filter(({ cpu, mmu, disk, network }) =>
    [cpu, mmu, disk, network].every(({ definition }) =>
      (definition.needs ?? []).every((name) => name in profile.costs),
    ),
  );

  it.each(TCP.filter(({ name }) => /-(transmit|receive)-/.test(name)))("$name", (benchmark) => {
    const mtu = Number(benchmark.name.split("-")[2]);
    const wire = ((mtu + FRAMING_BYTES) * 8 * profile.megahertz) / profile.network.megabitsPerSecond;
    const faster = vmms
      .map((vmm) => ({ vmm: vmm.name, cycles: measureMicrobenchmark(benchmark, vmm, profile).cost }))
      .filter(({ cycles }) => cycles < (1 - AHEAD) * wire);
    expect(faster).toEqual([]);
    expect(vmms.length).toBeGreaterThan(3);
  });
});
