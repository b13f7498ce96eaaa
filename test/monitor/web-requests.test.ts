/** What a request of SPEC WEB99 executes in the kernel, held against what Apache 1.3 had Linux 2.4.20 execute: docs/application-counts. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compileGuests, loadWorkload } from "../../src/experiment/documents/load.ts";
import { type KernelPath, kernelPaths } from "../../src/guest/kernel-paths.ts";
import { bootGuest } from "../../src/sim/monitor.ts";
import { playOperation } from "../../src/sim/stream-player.ts";
import { native } from "../../src/vmm/registry.ts";
import { Op } from "../../src/workload/operation-stream.ts";
import { XEON } from "./machines.ts";

const { requests, packetsSent, packetsReceived, kernelCode } = JSON.parse(
  readFileSync("validation/apache-1.3-counts.json", "utf8"),
) as Record<"requests" | "packetsSent" | "packetsReceived", number> & {
  kernelCode: Record<"returns" | "indirectCalls" | "indirectJumps" | "cli" | "sti" | "popf" | "iret", number>;
};
/** In the measurement a client acknowledged every packet. */
const SENT = packetsSent / requests;
const RECEIVED = packetsReceived / requests;
const STATIC = "static";

interface Counts {
  calls: number;
  flagWrites: number;
}

/** How often a request for a static file runs each path of the kernel, those of drivers excepted. */
function pathsOfRequest(): Map<string, number> {
  const loaded = loadWorkload("workloads/sosp03-spec-web99.yaml");
  const { work } = loaded.workload;
  if (work.kind !== "closed") throw new Error("requests have a rate of their own");
  const activities = work.activities
    .filter(({ name }) => name === STATIC)
    .map((activity) => ({ ...activity, share: 1 }));
  const workload = { ...loaded.workload, work: { ...work, activities } };
  const [guest] = compileGuests({ ...loaded, workload }, 1, 1);
  const { machine, kernel } = bootGuest(native, XEON, guest);
  const times = new Map<string, number>();
  const { cpu } = machine;
  const run = cpu.runKernel.bind(cpu);
  cpu.runKernel = (path: KernelPath, count: number): void => {
    times.set(path.name, (times.get(path.name) ?? 0) + count / work.requests);
    run(path, count);
  };
  for (let i = 0; i < guest.stream.length; i++) {
    if (guest.stream.op[i] !== Op.Request) playOperation(kernel, guest.stream, i);
  }
  return times;
}

function simulated(): Counts {
  const paths = kernelPaths(XEON);
  const times = pathsOfRequest();
  // As many packets as there were, each received one with an interrupt of its own.
  times.set("send-packet", SENT);
  for (const name of ["receive-packet", "interrupt"]) times.set(name, RECEIVED);
  times.set("network-driver", SENT + RECEIVED);
  const sum = (of: (path: KernelPath) => number): number =>
    Object.values(paths).reduce((total, path) => total + (times.get(path.name) ?? 0) * of(path), 0);
  return { calls: sum(({ calls }) => calls), flagWrites: sum(({ cli, sti, popf }) => cli + sti + popf) };
}

describe("a request for a static file", () => {
  const { returns, indirectCalls, indirectJumps, cli, sti, popf, iret } = kernelCode;
  const { calls, flagWrites } = simulated();

  it("makes as many calls in the kernel as Apache's did, within a fifth, in which are another driver's", () => {
    expect(Math.abs((calls * requests) / (returns + indirectCalls + indirectJumps) - 1)).toBeLessThan(1 / 5);
  });

  /**
   * Not simulated are, by the addresses of the instructions: two sections an interrupt of the 8259 interrupt controller, one of a
   * driver more than tg3 has, and what netif_rx and process_backlog have for a driver that is not polled; a cli with which each
   * way out of the kernel begins is in no path.
   */
  it("writes the interrupt flag as often, but for what another driver and interrupt controller do", () => {
    const unlike = RECEIVED * (2 * 2 + 2 + 7.3);
    const measured = (cli - iret + sti + popf) / requests - unlike;
    expect(Math.abs(flagWrites / measured - 1)).toBeLessThan(1 / 8);
  });
});
