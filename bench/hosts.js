/**
 * Speed and memory of host simulation: simulated VM-seconds a second on one core, bytes that the simulator takes for a page
 * of a guest and which arrays they are in, and how time grows with the number of VMs and with the memory of the host. A run
 * includes building the host.
 */
import { execFileSync } from "node:child_process";
import { freemem } from "node:os";
import { fileURLToPath } from "node:url";
import { runHost } from "../dist/sim/host.js";
import { measureOperations } from "../dist/sim/operations.js";
import { esx4 } from "../dist/vmm/esx-4.js";
import { esx6 } from "../dist/vmm/esx-6.js";
import { hostPages, OVERCOMMIT, PAGES_PER_GIB, pricesOf, profile, serversOf } from "./typical-hosts.js";

const RUNS = 5;
const GOALS = { vmSecondsPerSecond: 2000, bytesPerPage: 16 };
/** What a guest page may take while a host is built, generously, so that the largest hosts are left out in time. */
const MOST_BYTES_PER_PAGE = 80;
const MEMORY = fileURLToPath(new URL("host-memory.js", import.meta.url));

/** Prints the tables. */
export function benchHosts() {
  const usual = serversOf(10, PAGES_PER_GIB);
  console.table([esx6, esx4].map((vmm) => speed(vmm, usual)));
  const memory = [esx6, esx4].map((vmm) => [vmm.name, memoryOf(vmm)]);
  console.table(memory.map(([name, bytes]) => memoryRow(name, bytes)));
  console.table(arrayRows(memory[0][1].arrays));
  console.table(growth([8, 32, 128, 256].map((vms) => [`${vms} VMs of 256 MiB`, vms, PAGES_PER_GIB / 4])));
  // The memory images of the servers need 256 MiB: 8 of them are 2 GiB, on a host of 1.33 GiB.
  const hosts = [4 / 3, 16, 64, 256].map((gib) => [
    `8 VMs on ${gib.toFixed(1)} GiB`,
    8,
    Math.round((gib * PAGES_PER_GIB * OVERCOMMIT) / 8),
  ]);
  console.table(growth(hosts));
}

function milliseconds(vmm, guests, measure) {
  const begin = performance.now();
  runHost(vmm, profile, guests, hostPages(guests), measure);
  return performance.now() - begin;
}

function speed(vmm, guests) {
  const times = Array.from({ length: RUNS }, () => milliseconds(vmm, guests, measureOperations));
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

function memoryOf({ name }) {
  return JSON.parse(execFileSync(process.execPath, ["--expose-gc", MEMORY, name], { encoding: "utf8" }));
}

function memoryRow(name, { reserved, resident, afterRun }) {
  return {
    "bytes a guest page on": name,
    "reserved, built": reserved.toFixed(1),
    "resident, built": resident.toFixed(1),
    "resident, after the run": afterRun.toFixed(1),
    "resident, built, against the goal": `${(resident / GOALS.bytesPerPage).toFixed(2)} times`,
    "reserved against the goal": `${(reserved / GOALS.bytesPerPage).toFixed(2)} times`,
  };
}

/** The typed arrays of a host by the file that makes them, largest first. */
function arrayRows(arrays) {
  const total = arrays.reduce((sum, [, bytes]) => sum + bytes, 0);
  return [...arrays.filter(([, bytes]) => bytes >= 0.05), ["all", total]].map(([file, bytes]) => ({
    "arrays of": file,
    "bytes reserved for a guest page": bytes.toFixed(2),
  }));
}

/** Time of 10 s on hosts of several sizes, with prices known; `sizes` are [name, VMs, pages of each]. */
function growth(sizes) {
  const [[, vms, pages]] = sizes;
  const prices = pricesOf(esx6, serversOf(1, pages));
  milliseconds(esx6, serversOf(vms, pages, 10), prices);
  const rows = [];
  let smallest;
  for (const size of sizes) {
    const ms = timeOf(size, prices);
    smallest ??= ms;
    rows.push(growthRow(size, ms, smallest, vms * pages));
  }
  return rows;
}

/** Milliseconds; undefined: there is not enough memory free to tell. */
function timeOf([, vms, pages], prices) {
  if (vms * pages * MOST_BYTES_PER_PAGE > freemem()) return undefined;
  const guests = serversOf(vms, pages, 10);
  return Math.min(milliseconds(esx6, guests, prices), milliseconds(esx6, guests, prices));
}

function growthRow([host, vms, pages], ms, smallest, smallestPages) {
  if (ms === undefined) return { host, ms: "not measured: not enough memory is free here" };
  const [times, size] = [ms / smallest, (vms * pages) / smallestPages];
  return {
    host,
    ms: ms.toFixed(0),
    "times the size": size.toFixed(1),
    "times the time": times.toFixed(1),
    "time for size": (times / size).toFixed(2),
  };
}
