/** Linux 2.4 compiled for several processors: locked instructions, counted by hand where a path is short enough. */
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { LMBENCH } from "../../src/sim/microbenchmarks/lmbench.ts";
import { measureMicrobenchmark } from "../../src/sim/microbenchmarks/microbenchmark.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { native } from "../../src/vmm/native.ts";
import { workstation } from "../../src/vmm/workstation.ts";
import { xenPv1 } from "../../src/vmm/xen-pv-1.ts";

const UP = loadMachine("machines/xeon-2.4-sosp03.yaml").profile;
const SMP = loadMachine("machines/xeon-2.4-sosp03-smp.yaml").profile;
const LOCKED = SMP.costs["hardware.locked-instruction"];

/** Locked instructions of an operation: what it costs more with the SMP kernel, over what one costs. */
function locked(name: string, vmm: Vmm = native): number {
  const benchmark = LMBENCH.find((each) => each.name === name);
  if (benchmark === undefined) throw new Error(`no operation ${name}`);
  const [up, smp] = [UP, SMP].map((profile) => measureMicrobenchmark(benchmark, vmm, profile));
  expect(smp.digest).toBe(up.digest);
  expect(smp.events).toEqual(up.events);
  return (smp.cost - up.cost) / LOCKED;
}

describe("an SMP kernel", () => {
  it("has the paths of the uniprocessor kernel, and its machine all other costs", () => {
    expect(SMP.kernelPaths).toEqual(UP.kernelPaths);
    expect(SMP.costs).toEqual(UP.costs);
    expect([SMP.smpKernel, UP.smpKernel]).toEqual([true, undefined]);
  });

  it("executes the locks of a path as often as its source has them", () => {
    // sys_getppid: one barrier.
    expect(locked("null-call")).toBeCloseTo(1, 6);
    // fget: read_lock, atomic_inc, read_unlock; dnotify_parent: spin_lock; fput: atomic_dec_and_test.
    expect(locked("null-io")).toBeCloseTo(5, 6);
    // fs->lock (2), mount and root; three names: dcache_lock, a count up, a count down; then dcache_lock with the last
    // count, and the mount's.
    expect(locked("stat")).toBeCloseTo(4 + 3 * 3 + 3, 6);
    // For each of 100 descriptors fget and fput; file_lock (2) and the state of the task once.
    expect(locked("select-tcp")).toBeCloseTo(403, 6);
    // mmap_sem (2), page_table_lock (2), pagecache_lock, the page's count, PG_referenced.
    expect(locked("page-fault")).toBeCloseTo(7, 6);
    // mmap: fget and fput (4), mmap_sem (2), the file's count, i_shared_lock, page_table_lock; munmap: mmap_sem (2),
    // page_table_lock (2), i_shared_lock, the file's count; and 45 pages: a fault, and a count down.
    expect(locked("mmap-lat")).toBeCloseTo(9 + 6 + 45 * (7 + 1), 6);
    // pipe_wait: queue (2), semaphore (2); runqueue_lock (2); cpu_vm_mask (2), cpuvalid; task_lock, a barrier.
    expect(locked("2p/0K")).toBeCloseTo(11, 6);
  });

  it("pays for pages one by one in fork and exec", () => {
    const { fork, exec } = { fork: locked("fork-proc"), exec: locked("exec-proc") };
    const more = locked("mmap-lat") - locked("page-fault");
    expect(fork).toBeGreaterThan(more);
    // 76 pages are visited after exec, each at the price of a fault at least, and given back again.
    expect(exec - fork).toBeGreaterThan(76 * 8);
  });

  it.each([xenPv1, workstation])("pays as much for them on a VMM, which has no part in it: $name", (vmm) => {
    for (const { name } of LMBENCH) expect(locked(name, vmm), name).toBeCloseTo(locked(name), 6);
  });
});
