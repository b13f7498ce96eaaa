/**
 * Barham et al. 2003, Figure 4: up to 16 web servers of SPEC WEB99 on two processors, a domain each. What native Linux does with
 * two processors has no model here. Nothing is derived from any of them; the work of a server is that of Figure 3.
 */
import { MACHINE, SOURCE } from "./sosp03-systems.ts";
import type { Bench, ValidationRow, ValidationSet } from "./validation-set.ts";

const SERVERS = [1, 2, 4, 8, 16];
/** Requests of a connection in a second: workloads/sosp03-spec-web99.yaml. */
const REQUESTS_OF_CONNECTION = 2.9;
/** A server has work for two seconds of a processor. */
const SECONDS = 1.8;

function connections(bench: Bench, count: number): number {
  const { metrics } = bench.host({
    machine: MACHINE,
    vmm: "xen-pv-1",
    guests: [{ workload: "sosp03-spec-web99", count }],
    seconds: SECONDS,
    warmupSeconds: 0.6,
  });
  return metrics.throughput_rps / REQUESTS_OF_CONNECTION;
}

export const sosp03WebServers: ValidationSet = {
  name: "xen03",
  source: SOURCE,
  rows: SERVERS.map(
    (count): ValidationRow => ({
      id: `xen03.f4.xen.${count}`,
      role: "prediction",
      simulate: (bench) => connections(bench, count),
    }),
  ),
};
