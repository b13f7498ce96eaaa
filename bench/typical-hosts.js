/** Hosts of typical servers with all mechanisms of ESX on, for the benchmarks of host simulation. */
import { join } from "node:path";
import { PACKAGE_ROOT } from "../dist/experiment/catalogue.js";
import { compileGuests, loadWorkload } from "../dist/experiment/documents/load.js";
import { loadMachine } from "../dist/experiment/documents/load-machine.js";
import { measureOperations } from "../dist/sim/operations.js";

export const PAGES_PER_GIB = 2 ** 18;
export const OVERCOMMIT = 1.5;

export const { profile } = loadMachine(join(PACKAGE_ROOT, "machines/x86-64-server.yaml"));
const server = loadWorkload(join(PACKAGE_ROOT, "workloads/typical-server.yaml"));

/** So many servers with so much memory, for so long. */
export function serversOf(count, memoryPages, seconds = 120) {
  const { workload } = server;
  const warmupUs = Math.min(workload.warmupUs, (seconds * 1e6) / 2);
  const changed = { ...workload, durationUs: seconds * 1e6, warmupUs, guest: { ...workload.guest, memoryPages } };
  return compileGuests({ ...server, workload: changed }, 1, count);
}

export function pagesOf(guests) {
  return guests.reduce((sum, { guest }) => sum + guest.memoryPages, 0);
}

export function hostPages(guests, overcommit = OVERCOMMIT) {
  return Math.round(pagesOf(guests) / overcommit);
}

/** Prices take some measuring, which has nothing to do with the size of the host: once is enough. */
export function pricesOf(vmm, guests) {
  const known = measureOperations(vmm, profile, guests[0]);
  return () => known;
}
