/**
 * Barham et al. 2003, Figure 4: up to 16 web servers of SPEC WEB99 on two processors, a domain each, or as processes of one SMP
 * kernel, which run on either processor. Nothing is derived from any of them; the work of a server is that of Figure 3.
 */
import { eachRun } from "./runs.ts";
import { MACHINE, SMP_MACHINE, SOURCE } from "./sosp03-systems.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const SERVERS = [1, 2, 4, 8, 16];
/** Requests of a connection in a second: workloads/sosp03-spec-web99.yaml. */
const REQUESTS_OF_CONNECTION = 2.9;
/** Clients are counted in these seconds, after those in which they begin. */
const SECONDS = 1.8;
/** What a processor does in two seconds. */
const REQUESTS = 3000;

interface System {
  readonly machine: string;
  readonly vmm: string;
  /** Processors that the processes of a server may run on. */
  readonly processors: number;
  readonly reasons: Readonly<Record<number, string>>;
}

const SYSTEMS: Readonly<Record<string, System>> = {
  linux: {
    machine: SMP_MACHINE,
    vmm: "linux",
    processors: 2,
    reasons: {
      1:
        "one server does a third less in the source than two on the same kernel, which makes it no lock that all processes share; the source suspects that Apache " +
        "does not scale on SMP. No limit of a server is known that explains it: Apache 1.3.27 has a process for each connection, at most 256 unless it is compiled for more (HARD_SERVER_LIMIT), which " +
        "it must have been for the 518 connections on one processor; on Linux 2.2 and later it does not have its processes take turns to accept on a " +
        "single port (ap_config.h, SINGLE_LISTEN_UNSERIALIZED_ACCEPT), and Linux 2.4 wakes one of them for each connection (tcp.c, wait_for_connect)",
      8:
        "eight servers have as many connections in all as two, and so as many processes; here they do 1 % less than two, in the source 16 %, which does not " +
        "say why. It is nothing that grows with their number: sixteen do more again there",
    },
  },
  xen: { machine: MACHINE, vmm: "xen-pv-1", processors: 1, reasons: {} },
};

function connections(bench: Bench, { machine, vmm, processors }: System, count: number, seed: number): number {
  // No server comes to its end: it has twice its share of both processors, or all that it could do.
  const requests = Math.min(processors, 4 / count) * REQUESTS;
  const guests = [{ workload: "sosp03-spec-web99", count, requests, ...(processors > 1 && { vcpus: processors }) }];
  const { metrics } = bench.host({ machine, vmm, guests, seconds: SECONDS, warmupSeconds: 0.6, seed });
  return metrics.throughput_rps / REQUESTS_OF_CONNECTION;
}

export const sosp03WebServers: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: Object.entries(SYSTEMS).flatMap(([name, system]) =>
    SERVERS.map((count): ValidationRow => {
      const reason = system.reasons[count];
      return {
        id: `xen03.f4.${name}.${count}`,
        role: "prediction",
        group: `f4.${count}`,
        ...eachRun((bench, seed) => connections(bench, system, count, seed)),
        ...(reason !== undefined && { reason }),
      };
    }),
  ),
};
