/**
 * Memory that the simulator takes for a host of typical servers, in bytes a page of a guest, as one line of JSON. A
 * process of its own, so that nothing else is in the figures: `node --expose-gc bench/host-memory.js esx-6 10 262144` for
 * ten servers of 262,144 pages.
 *
 * Everything that a host takes is in the figures: typed arrays and objects of guests, VMM and machine. What comes with the
 * first host of a process (compiled code, room for short-lived objects) is not.
 */
import { HostSimulation } from "../dist/sim/host-simulation.js";
import { VMMS } from "../dist/vmm/registry.js";
import { typedArraysOf } from "./typed-arrays.js";
import { hostPages, pagesOf, pricesOf, profile, serversOf } from "./typical-hosts.js";

const [, , name, count, pagesEach] = process.argv;
const vmm = VMMS.find((one) => one.name === name);
const guests = serversOf(Number(count), Number(pagesEach));
const pages = pagesOf(guests);
const prices = pricesOf(vmm, guests);
const build = (some) =>
  new HostSimulation({ vmm, profile, workloads: some, hostPages: hostPages(some), measure: prices });

/** Reserved: bytes of typed arrays and of objects. Resident: what of the process is in memory. */
async function used() {
  for (let round = 0; round < 3; round++) {
    // What weak references were made to is kept until the end of the turn.
    await new Promise((resolve) => setTimeout(resolve));
    globalThis.gc();
  }
  const { arrayBuffers, heapUsed, rss } = process.memoryUsage();
  return { reserved: arrayBuffers + heapUsed, resident: rss };
}

build(guests.slice(0, 1)).run();
const before = await used();
const simulation = build(guests);
const built = await used();
simulation.run();
const after = await used();
const arrays = await typedArraysOf(() => build(guests), globalThis.gc);
const perPage = ({ reserved, resident }) => ({
  reserved: (reserved - before.reserved) / pages,
  resident: (resident - before.resident) / pages,
});
process.stdout.write(
  JSON.stringify({
    built: perPage(built),
    afterRun: perPage(after),
    arrays: arrays.map(([file, bytes]) => [file, bytes / pages]),
  }),
);
