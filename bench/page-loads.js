/**
 * A lower bound for how host simulation slows down with the number of VMs: nothing but the loads that it takes to look up the
 * pages that requests use. The operation streams are those that are simulated, the arrays have the sizes of the simulator's,
 * and VMs take turns, a request each. The loads of a request are done in loops that wait for nothing in between, which is the
 * fastest way there is. What a VM-second takes longer with more VMs is what the processor waits for lines that others have
 * displaced. Of a page of anonymous memory that is read only the bit is looked up that says that nothing follows from it (see
 * settled-pages.ts).
 */
import { Op } from "../dist/workload/operation-stream.js";

const MOST = 64;
const found = new Int32Array(MOST);
/** Kept where the compiler cannot see that nobody reads it. */
let sink = 0;

/** Milliseconds on the processor for the page look-ups of all requests of `workloads`; `processorMs` tells the time. */
export function pageLoadsMs(workloads, processorMs) {
  const frames = arraysOfHost(workloads);
  const vms = workloads.map((workload, vm) => arraysOf(workload, vm));
  const begin = processorMs();
  for (let busy = vms.length; busy > 0; ) {
    busy = 0;
    for (const vm of vms) {
      if (vm.next === vm.length) continue;
      busy++;
      lookUpRequest(vm, frames);
    }
  }
  const end = processorMs();
  if (Number.isNaN(sink)) throw new Error("nothing was looked up");
  return end - begin;
}

/** By frame: its content, and how it is used. */
function arraysOfHost(workloads) {
  const frames = workloads.reduce((sum, { guest }) => sum + residentPages(guest), 0);
  return { content: new Uint32Array(frames).fill(1), use: new Uint8Array(frames).fill(1) };
}

function residentPages({ kernelPages, residentAnonymousPages, residentFilePages }) {
  return kernelPages + residentAnonymousPages + residentFilePages;
}

/**
 * By logical page, a bit that a read changes nothing, and the physical page; the latter by page of the files, too; by physical
 * page, its flags and its frame.
 */
function arraysOf({ guest, stream }, vm) {
  const resident = residentPages(guest);
  const first = guest.kernelPages;
  const place = Int32Array.from({ length: guest.anonymousPages }, (_, page) => first + page);
  const settled = new Uint32Array(Math.ceil(guest.anonymousPages / 32)).fill(0xffff_ffff);
  const cached = Int32Array.from({ length: guest.filePages }, (_, page) =>
    Math.min(first + guest.residentAnonymousPages + page, resident - 1),
  );
  const flags = new Uint8Array(guest.memoryPages);
  const backing = Int32Array.from(
    { length: guest.memoryPages },
    (_, ppn) => vm * resident + Math.min(ppn, resident - 1),
  );
  return { ...stream, settled, place, cached, flags, backing, next: 0 };
}

function lookUpRequest(vm, frames) {
  const { op, a, b, settled, place, cached, flags, backing, length } = vm;
  let end = vm.next + 1;
  while (end < length && op[end] !== Op.Request) end++;
  let seen = 0;
  let count = 0;
  for (let i = vm.next; i < end && count < MOST; i++) {
    if (op[i] === Op.Touch && (b[i] & 1) === 0) seen ^= settled[a[i] >>> 5];
    else if (op[i] === Op.Touch) found[count++] = place[a[i]];
    else if (op[i] === Op.ReadFile) found[count++] = cached[a[i]];
    seen ^= b[i];
  }
  for (let i = 0; i < count; i++) {
    const ppn = found[i];
    seen ^= flags[ppn];
    found[i] = backing[ppn];
  }
  for (let i = 0; i < count; i++) seen ^= frames.use[found[i]] ^ frames.content[found[i]];
  sink ^= seen;
  vm.next = end;
}
