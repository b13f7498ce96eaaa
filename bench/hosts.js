/** Speed and memory of host simulation: simulated VM-seconds a second on one core, and bytes a page of a guest. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runHost } from "../dist/sim/host.js";
import { measureOperations } from "../dist/sim/operations.js";
import { esx4 } from "../dist/vmm/esx-4.js";
import { esx6 } from "../dist/vmm/esx-6.js";
import { benchGrowth } from "./host-growth.js";
import { hostPages, PAGES_PER_GIB, profile, serversOf } from "./typical-hosts.js";

const RUNS = 5;
const GOALS = { vmSecondsPerSecond: 2000, bytesPerPage: 16 };
const MEMORY = fileURLToPath(new URL("host-memory.js", import.meta.url));
/**
 * Hosts whose memory is measured. A server's image is of 256 MiB: one of 1 GiB has most of its pages to spare, and one of
 * 256 MiB none. What the process takes besides weighs less the larger the host.
 */
const MEASURED = [
  ["10 servers of 1 GiB", esx6, 10, PAGES_PER_GIB],
  ["40 servers of 1 GiB", esx6, 40, PAGES_PER_GIB],
  ["10 servers of 1 GiB", esx4, 10, PAGES_PER_GIB],
  ["40 servers of 256 MiB, all in use", esx6, 40, PAGES_PER_GIB / 4],
];

/** Prints the tables. */
export function benchHosts() {
  const usual = serversOf(10, PAGES_PER_GIB);
  console.table([esx6, esx4].map((vmm) => speed(vmm, usual)));
  console.log("memory of the simulator for a page of a guest, bytes; reserved: all typed arrays and objects");
  const measured = MEASURED.map(([host, vmm, count, pages]) => [host, vmm, memoryOf(vmm, count, pages)]);
  console.table(measured.map(([host, vmm, bytes]) => memoryRow(`${host}, ${vmm.name}`, bytes)));
  const [usualHost, , , inUse] = measured;
  for (const [host, vmm, { arrays }] of [usualHost, inUse]) console.table(arrayRows(`${host}, ${vmm.name}`, arrays));
  benchGrowth();
}

function speed(vmm, guests) {
  const times = Array.from({ length: RUNS }, () => milliseconds(vmm, guests));
  const vmSeconds = (guests.length * guests[0].durationUs) / 1e6;
  const [fastest, , median] = times.toSorted((a, b) => a - b);
  const rate = (ms) => Math.round((vmSeconds / ms) * 1000);
  return {
    "10 typical servers of 1 GiB on": vmm.name,
    "first run, VM-s/s": rate(times[0]),
    "median, VM-s/s": rate(median),
    "fastest, VM-s/s": rate(fastest),
    "median against the goal": `${(rate(median) / GOALS.vmSecondsPerSecond).toFixed(2)} times`,
  };
}

function milliseconds(vmm, guests) {
  const begin = performance.now();
  runHost(vmm, profile, guests, hostPages(guests), measureOperations);
  return performance.now() - begin;
}

function memoryOf({ name }, count, pages) {
  const command = ["--expose-gc", MEMORY, name, count, pages].map(String);
  return JSON.parse(execFileSync(process.execPath, command, { encoding: "utf8" }));
}

function memoryRow(host, { built, afterRun }) {
  return {
    host,
    "reserved, built": againstGoal(built.reserved),
    "reserved, after the run": againstGoal(afterRun.reserved),
    "resident, built": againstGoal(built.resident),
    "resident, after the run": againstGoal(afterRun.resident),
  };
}

function againstGoal(bytes) {
  return `${bytes.toFixed(1)} (${(bytes / GOALS.bytesPerPage).toFixed(2)} of the goal)`;
}

/** The typed arrays of a host by the file that makes them, largest first. */
function arrayRows(host, arrays) {
  const total = arrays.reduce((sum, [, bytes]) => sum + bytes, 0);
  return [...arrays.filter(([, bytes]) => bytes >= 0.05), ["all", total]].map(([file, bytes]) => ({
    [host]: file,
    "bytes a guest page": bytes.toFixed(2),
  }));
}
