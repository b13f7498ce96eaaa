/**
 * How the time of host simulation grows with the number of VMs and with the memory of the host. Building a host and
 * simulating it are timed apart, as time on the processor, which what else the machine does disturbs less than time on the
 * clock. Goal: both linear in VMs and at most linear in memory, which is 1 in the last columns or less.
 *
 * Caches that get too small for a larger host are in the figures, and cannot be taken out of them: beside each figure stands
 * what the same requests' page look-ups take in a loop that does nothing else (see page-loads.js), and how much longer than
 * linear the simulation would take at least if nothing but these took longer than on the smallest host.
 */
import { freemem } from "node:os";
import { HostSimulation } from "../dist/sim/host-simulation.js";
import { esx6 } from "../dist/vmm/esx-6.js";
import { xenPv } from "../dist/vmm/xen-pv.js";
import { pageLoadsMs } from "./page-loads.js";
import { hostPages, OVERCOMMIT, PAGES_PER_GIB, pricesOf, profile, serversOf } from "./typical-hosts.js";

const SECONDS = 60;
/** A host is run again until it has taken so long, in milliseconds, or so often; the fastest run counts. */
const LONG_ENOUGH = 4000;
const MOST_RUNS = 8;
/** What a page in use may take while a host is built, generously, so that the largest hosts are left out in time. */
const MOST_BYTES_PER_PAGE = 80;
const SIZES = [8, 16, 32, 64, 128, 256];
/** At this ratio a host of ESX has no memory to spare: it swaps, and divides memory anew many times a second. */
const SHORT_OF_MEMORY = 3.2;

/** Prints the tables. */
export function benchGrowth() {
  for (const vmm of [esx6, xenPv]) {
    console.log(`${SECONDS} s of more and more servers of 256 MiB, ${vmm.name}; goal: time linear in VMs`);
    const hosts = SIZES.map((vms) => [`${vms} VMs`, vms, PAGES_PER_GIB / 4]);
    console.table(growth(vmm, hosts));
  }
  console.log(
    `${SECONDS} s of more and more servers of 256 MiB, ${esx6.name}, overcommit ${SHORT_OF_MEMORY}; goal: time linear in VMs`,
  );
  const short = SIZES.slice(0, -1).map((vms) => [`${vms} VMs`, vms, PAGES_PER_GIB / 4, SHORT_OF_MEMORY]);
  console.table(growth(esx6, short));
  console.log(
    `${SECONDS} s of eight servers on larger and larger hosts, ${esx6.name}; goal: time at most linear in memory`,
  );
  // The images of the servers are of 256 MiB each: there is no smaller host than 4/3 GiB.
  const hosts = [4 / 3, 4, 16, 64, 256].map((gib) => [
    `8 VMs on ${gib.toFixed(1)} GiB`,
    8,
    Math.round((gib * PAGES_PER_GIB * OVERCOMMIT) / 8),
  ]);
  console.table(growth(esx6, hosts));
}

/** `hosts` are [name, VMs, pages of each, overcommit if it is not the usual one], the smallest first. */
function growth(vmm, hosts) {
  // Compiled code comes with the first runs of the smallest one.
  timeOf(vmm, hosts[0]);
  const rows = [];
  let smallest;
  for (const host of hosts) {
    const [name, vms, pages] = host;
    if (Math.min(pages, PAGES_PER_GIB / 4) * vms * MOST_BYTES_PER_PAGE + vms * pages * 8 > freemem()) {
      rows.push({ host: name, "building, ms": "not measured: not enough memory is free here" });
      continue;
    }
    const now = { ...timeOf(vmm, host), vms, size: vms * pages };
    smallest ??= now;
    rows.push(row(name, now, smallest));
  }
  return rows;
}

function timeOf(vmm, [, vms, pages, overcommit]) {
  const guests = serversOf(vms, pages, SECONDS);
  const prices = pricesOf(vmm, guests);
  const best = { building: Infinity, simulating: Infinity, lookingUp: Infinity };
  let spent = 0;
  for (let run = 0; run < MOST_RUNS && spent < LONG_ENOUGH; run++) {
    const begin = processorMs();
    const simulation = new HostSimulation({
      vmm,
      profile,
      workloads: guests,
      hostPages: hostPages(guests, overcommit),
      measure: prices,
    });
    const built = processorMs();
    simulation.run();
    const end = processorMs();
    best.building = Math.min(best.building, built - begin);
    best.simulating = Math.min(best.simulating, end - built);
    best.lookingUp = Math.min(best.lookingUp, pageLoadsMs(guests, processorMs));
    spent += end - begin;
  }
  return best;
}

function vmSeconds(vms) {
  return vms * SECONDS;
}

function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function row(host, now, smallest) {
  const memory = now.size / smallest.size;
  const building = now.building / smallest.building;
  const simulating = now.simulating / smallest.simulating;
  const more = now.lookingUp / vmSeconds(now.vms) - smallest.lookingUp / vmSeconds(smallest.vms);
  const least = 1 + (more * vmSeconds(smallest.vms)) / smallest.simulating;
  return {
    host,
    "building, ms": now.building.toFixed(0),
    "simulating, ms": now.simulating.toFixed(0),
    "µs a VM-second": ((now.simulating * 1000) / vmSeconds(now.vms)).toFixed(0),
    "page look-ups alone, µs a VM-second": ((now.lookingUp * 1000) / vmSeconds(now.vms)).toFixed(0),
    "times the memory": memory.toFixed(1),
    "times as long: building": building.toFixed(1),
    "times as long: simulating": simulating.toFixed(1),
    "building against linear": (building / memory).toFixed(2),
    "simulating against linear": (simulating / memory).toFixed(2),
    "at least, a VM-second": Math.max(1, least).toFixed(2),
  };
}
