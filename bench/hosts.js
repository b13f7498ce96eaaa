/**
 * Speed and memory of host simulation: simulated VM-seconds a second on one core, bytes that the simulator takes for a page
 * of a guest and which arrays they are in, and how both grow with the number of VMs and with the memory of the host. A run
 * includes building the host. All mechanisms of ESX are on.
 */
import { freemem } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PACKAGE_ROOT } from "../dist/experiment/catalogue.js";
import { compileGuests, loadMachine, loadWorkload } from "../dist/experiment/documents/load.js";
import { runHost } from "../dist/sim/host.js";
import { HostSimulation } from "../dist/sim/host-simulation.js";
import { measureOperations } from "../dist/sim/operations.js";
import { esx4 } from "../dist/vmm/esx-4.js";
import { esx6 } from "../dist/vmm/esx-6.js";
import { typedArraysOf } from "./typed-arrays.js";

const PAGES_PER_GIB = 2 ** 18;
const OVERCOMMIT = 1.5;
const RUNS = 5;
const GOALS = { vmSecondsPerSecond: 2000, bytesPerPage: 16 };
/** What a guest page may take while a host is built, generously, so that the largest hosts are left out in time. */
const MOST_BYTES_PER_PAGE = 80;

const { profile } = loadMachine(join(PACKAGE_ROOT, "machines/x86-64-server.yaml"));
const server = loadWorkload(join(PACKAGE_ROOT, "workloads/typical-server.yaml"));
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

/** Prints the tables. */
export async function benchHosts() {
  const usual = serversOf(10, PAGES_PER_GIB);
  console.table([esx6, esx4].map((vmm) => speed(vmm, usual)));
  console.table([await memory(esx6, usual), await memory(esx4, usual)]);
  console.table(await arrays(esx6, usual));
  console.table(growth([8, 32, 128, 256].map((vms) => [`${vms} VMs of 256 MiB`, vms, PAGES_PER_GIB / 4])));
  const hosts = [2, 16, 64, 256].map((gib) => [`8 VMs on ${gib} GiB`, 8, (gib * PAGES_PER_GIB * OVERCOMMIT) / 8]);
  console.table(growth(hosts));
}

/** So many servers with so much memory, for so long. */
function serversOf(count, memoryPages, seconds = 120) {
  const { workload } = server;
  const warmupUs = Math.min(workload.warmupUs, (seconds * 1e6) / 2);
  const changed = { ...workload, durationUs: seconds * 1e6, warmupUs, guest: { ...workload.guest, memoryPages } };
  return compileGuests({ ...server, workload: changed }, 1, count);
}

function pagesOf(guests) {
  return guests.reduce((sum, { guest }) => sum + guest.memoryPages, 0);
}

function hostPages(guests) {
  return Math.round(pagesOf(guests) / OVERCOMMIT);
}

function milliseconds(vmm, guests, measure = measureOperations) {
  const begin = performance.now();
  runHost(vmm, profile, guests, hostPages(guests), measure);
  return performance.now() - begin;
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

/** What earlier runs have left is gone afterwards. */
async function settled() {
  await new Promise((resolve) => setTimeout(resolve));
  collectGarbage();
}

/** Bytes in use, and those resident. */
function used() {
  collectGarbage();
  const { arrayBuffers, heapUsed, rss } = process.memoryUsage();
  return { held: arrayBuffers + heapUsed, rss };
}

async function memory(vmm, guests) {
  const prices = pricesOf(vmm);
  prices(vmm, profile, guests[0]);
  const pages = pagesOf(guests);
  await settled();
  const before = used();
  const simulation = new HostSimulation(vmm, profile, guests, hostPages(guests), prices);
  const built = used();
  simulation.run();
  const after = used();
  const held = (after.held - before.held) / pages;
  return {
    "10 typical servers of 1 GiB on": vmm.name,
    "built, bytes a page": ((built.held - before.held) / pages).toFixed(1),
    "after the run": held.toFixed(1),
    "resident, built": ((built.rss - before.rss) / pages).toFixed(1),
    "against the goal": `${(held / GOALS.bytesPerPage).toFixed(2)} times`,
  };
}

/** Prices take some measuring, which has nothing to do with the size of the host: once is enough. */
function pricesOf(vmm) {
  let known;
  return (_, machine, workload) => (known ??= measureOperations(vmm, machine, workload));
}

/** The typed arrays of a host by the file that makes them, largest first. */
async function arrays(vmm, guests) {
  const prices = pricesOf(vmm);
  prices(vmm, profile, guests[0]);
  const pages = pagesOf(guests);
  const build = () => new HostSimulation(vmm, profile, guests, hostPages(guests), prices);
  const found = (await typedArraysOf(build, collectGarbage)).map(([file, bytes]) => [file, bytes / pages]);
  const total = found.reduce((sum, [, bytes]) => sum + bytes, 0);
  return [...found.filter(([, bytes]) => bytes >= 0.05), ["all", total]].map(([file, bytes]) => ({
    "arrays of": file,
    "bytes a guest page": bytes.toFixed(2),
  }));
}

/** Time of 20 s on hosts of several sizes, with prices known; `sizes` are [name, VMs, pages of each]. */
function growth(sizes) {
  const prices = pricesOf(esx6);
  const rows = [];
  let smallest;
  for (const [host, vms, pages] of sizes) {
    if (vms * pages * MOST_BYTES_PER_PAGE > freemem()) {
      rows.push({ host, ms: "not measured: this machine has not enough memory free" });
      continue;
    }
    const guests = serversOf(vms, pages, 20);
    milliseconds(esx6, guests, prices);
    const ms = Math.min(milliseconds(esx6, guests, prices), milliseconds(esx6, guests, prices));
    smallest ??= { ms, work: vms * pages };
    const [times, size] = [ms / smallest.ms, (vms * pages) / smallest.work];
    rows.push({
      host,
      ms: ms.toFixed(0),
      "times the size": size,
      "times the time": times.toFixed(1),
      "time for size": (times / size).toFixed(2),
    });
  }
  return rows;
}
