/**
 * Memory that the simulator takes for the host of ten typical servers of 1 GiB, in bytes a page of a guest, as one line of
 * JSON. A process of its own, so that nothing else is in the figures: `node --expose-gc bench/host-memory.js esx-6`.
 */
import { HostSimulation } from "../dist/sim/host-simulation.js";
import { VMMS } from "../dist/vmm/registry.js";
import { typedArraysOf } from "./typed-arrays.js";
import { hostPages, PAGES_PER_GIB, pagesOf, pricesOf, profile, serversOf } from "./typical-hosts.js";

const vmm = VMMS.find(({ name }) => name === process.argv[2]);
const guests = serversOf(10, PAGES_PER_GIB);
const pages = pagesOf(guests);
const prices = pricesOf(vmm, guests);
const build = (some) => new HostSimulation(vmm, profile, some, hostPages(some), prices);

/** Reserved: bytes of typed arrays and of objects. Resident: what of the process is in memory. */
async function used() {
  // What weak references were made to is kept until the end of the turn.
  await new Promise((resolve) => setTimeout(resolve));
  globalThis.gc();
  const { arrayBuffers, heapUsed, rss } = process.memoryUsage();
  return { reserved: arrayBuffers + heapUsed, resident: rss };
}

// Compiled code and whatever else comes with the first host is not counted.
build(guests.slice(0, 1));
const before = await used();
const simulation = build(guests);
const built = await used();
simulation.run();
const after = await used();
const arrays = await typedArraysOf(() => build(guests), globalThis.gc);
process.stdout.write(
  JSON.stringify({
    reserved: (built.reserved - before.reserved) / pages,
    resident: (built.resident - before.resident) / pages,
    afterRun: (after.resident - before.resident) / pages,
    arrays: arrays.map(([file, bytes]) => [file, bytes / pages]),
  }),
);
