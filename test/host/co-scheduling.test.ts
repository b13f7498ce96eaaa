import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readWorkload } from "../../src/experiment/documents/workload-document.ts";
import { runHost } from "../../src/sim/host.ts";
import { proportionalShareCpu } from "../../src/vmm/scheduler/proportional-share.ts";
import { credit } from "../../src/vmm/scheduler/credit.ts";
import { esx } from "../../src/vmm/esx.ts";
import { hostSwap } from "../../src/vmm/memory/host-swap.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import type { CompiledWorkload, GuestShape } from "../../src/workload/compiled-workload.ts";
import type { Workload } from "../../src/workload/workload.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { type CpuRun, MS, runCpus, type TestVcpu } from "./cpu-host.ts";
import { profile } from "./fixtures.ts";

const STRICT = 2;
const RELAXED = 3;
const SKEW_MS = 3;
/** Of a VM with the shares of one that has a single vCPU. */
const half = (vm: number): TestVcpu => ({ vm, shares: 0.5 });
const hog: TestVcpu = {};

function run(coScheduling: number, cpus: number, vcpus: readonly TestVcpu[], seconds = 2): CpuRun {
  const part = proportionalShareCpu({ coScheduling, skewMs: SKEW_MS });
  return runCpus({ part, cpus, vcpus, cycles: seconds * 1000 * MS, sampleEvery: MS });
}

const last = ({ used }: CpuRun): readonly number[] => used[used.length - 1];
const total = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0);

describe("a VM of two vCPUs and one of a single vCPU, which always compute, on two pCPUs", () => {
  const vcpus = [half(0), half(0), hog];

  it("leave a pCPU idle while the single one runs, under strict co-scheduling", () => {
    // VMware 2008: only both vCPUs together can start, and there is one pCPU. Turns of the single one, in which half of
    // the host is idle, alternate with turns of the other VM; equal shares give each as much CPU time.
    const strict = run(STRICT, 2, vcpus, 6);
    const [one, other, single] = last(strict);
    expect(one).toBe(other);
    expect(Math.abs(one + other - single) / (one + other)).toBeLessThan(0.05);
    // Per 100 ms of the single one 50 ms of both: 100 of 300 ms of pCPU time idle.
    expect(Math.abs(strict.idle / (12_000 * MS) - 1 / 3)).toBeLessThan(0.02);
  });

  it("use both pCPUs all the time under relaxed co-scheduling, and without any", () => {
    for (const coScheduling of [RELAXED, 0]) {
      const { idle } = run(coScheduling, 2, vcpus);
      expect(idle).toBe(0);
    }
  });
});

const limited = (every: number): TestVcpu => ({
  vm: 0,
  shares: 1 / 3,
  limitMhz: profile.megahertz / 10,
  runs: 5 * MS,
  every: every * MS,
});
const onFour = (coScheduling: number, vcpus: readonly TestVcpu[], onIdle = (): void => {}): readonly number[] => {
  const part = proportionalShareCpu({ coScheduling, skewMs: SKEW_MS });
  return last(runCpus({ part, cpus: 4, vcpus, cycles: 300 * MS, onIdle }));
};

describe("a VM of three vCPUs at its limit, on four pCPUs", () => {
  it.each([STRICT, RELAXED])("runs as on its own where all its vCPUs run alike: release %i", (release) => {
    const vcpus = [limited(20), limited(20), limited(20)];
    expect(onFour(release, vcpus)).toEqual(onFour(0, vcpus));
  });

  it.each([STRICT, RELAXED])(
    "leaves idle pCPUs one event each, however often all look again: release %i",
    (release) => {
      let looks = 0;
      onFour(release, [limited(7), limited(11), limited(13)], () => looks++);
      expect(looks).toBeLessThan(4000);
    },
  );
});

const vcpusOf = (sizes: readonly number[], rhythms: readonly TestVcpu[] = []): TestVcpu[] =>
  sizes
    .flatMap((size, vm) => Array.from({ length: size }, () => ({ shares: 1 / size, ...(size > 1 && { vm }) })))
    .map((vcpu, i) => ({ ...vcpu, ...rhythms[i] }));

describe("any VMs", () => {
  const vms = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 });
  const rhythm: fc.Arbitrary<TestVcpu> = fc.oneof(
    fc.constant({}),
    fc.record({ runs: fc.integer({ min: 1, max: 8 * MS }), every: fc.integer({ min: MS, max: 20 * MS }) }),
  );
  const host = fc.record({ sizes: vms, rhythms: fc.array(rhythm, { minLength: 12, maxLength: 12 }) });
  it("that always compute stay within the limit of the skew under relaxed co-scheduling, and no pCPU is idle", () => {
    fc.assert(
      fc.property(vms, (sizes) => {
        const vcpus = vcpusOf(sizes);
        const relaxed = run(RELAXED, 3, vcpus, 1);
        for (const used of relaxed.used) {
          sizes.forEach((size, vm) => {
            const own = used.filter((_, i) => size > 1 && vcpus[i].vm === vm);
            if (own.length > 0) expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(SKEW_MS * MS);
          });
        }
        expect(relaxed.idle).toBe(Math.max(0, 3 - vcpus.length) * 1000 * MS);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it("that sleep now and then leave no pCPU idle under relaxed co-scheduling that somebody waits for", () => {
    fc.assert(
      fc.property(host, ({ sizes, rhythms }) => {
        const part = proportionalShareCpu({ coScheduling: RELAXED, skewMs: SKEW_MS });
        const vcpus = vcpusOf(sizes, rhythms);
        const relaxed = runCpus({ part, cpus: 2, vcpus, cycles: 300 * MS });
        expect(total(last(relaxed)) + relaxed.idle).toBe(600 * MS);
        // Computing vCPUs for both pCPUs: there is never a reason to idle.
        if (vcpus.filter(({ runs }) => runs === undefined).length >= 2) expect(relaxed.idle).toBe(0);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it("that always compute run all their vCPUs or none, under strict co-scheduling", () => {
    fc.assert(
      fc.property(vms, (sizes) => {
        const vcpus = vcpusOf(sizes);
        const strict = run(STRICT, 3, vcpus, 1);
        strict.used.forEach((used, ms) => {
          sizes.forEach((size, vm) => {
            const own = vcpus.flatMap((vcpu, i) => (size > 1 && vcpu.vm === vm ? [i] : []));
            const at = own.map((i) => used[i]);
            if (size > 1) expect(Math.max(...at) - Math.min(...at)).toBeLessThanOrEqual(SKEW_MS * MS);
            // They wake up one after the other; from then on they start and stop together.
            if (ms > 10) expect(new Set(own.map((i) => used[i] - strict.used[ms - 1][i])).size).toBeLessThanOrEqual(1);
          });
        });
        // Nobody starves.
        expect(Math.min(...last(strict))).toBeGreaterThan(0);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it("of one vCPU each run as if there were no co-scheduling", () => {
    fc.assert(
      fc.property(host, ({ sizes, rhythms }) => {
        const vcpus = vcpusOf(
          sizes.map(() => 1),
          rhythms,
        );
        expect(run(STRICT, 2, vcpus, 0.2)).toEqual(run(0, 2, vcpus, 0.2));
      }),
      { seed: 1, numRuns: 30 },
    );
  });
});

const SHAPE: GuestShape = {
  memoryPages: 2048,
  kernelPages: 100,
  processes: 1,
  anonymousPages: 100,
  residentAnonymousPages: 100,
  filePages: 0,
  residentFilePages: 0,
  swapPages: 0,
  threads: 4,
};

/** Requests that compute a millisecond and spend about as much in system calls. */
function guest(shape: Partial<GuestShape>, requests = 400): CompiledWorkload {
  const stream = new OperationStreamBuilder();
  for (let i = 0; i < requests; i++) {
    stream.add(Op.Request, 0, 0, 0);
    stream.add(Op.Compute, MS);
    stream.add(Op.Syscall, 3, 400);
  }
  return { name: "smp", guest: { ...SHAPE, ...shape }, stream: stream.finish(), durationUs: 0, warmupUs: 0 };
}

const text = (lines: string): string =>
  `name: w\ntitle: W\nsummary: S\nguest: { memory: 16MiB, kernel: 4MiB${lines} }\nactivities:\n` +
  "  - name: a\n    request: [compute: 1Mcycles]\nclosed-loop: { requests: 1 }\n";

const shape = (lines: string): Workload["guest"] => readWorkload(text(lines), "w.yaml").workload.guest;

describe("a guest with several vCPUs", () => {
  const vmm = { ...esx, memory: [hostSwap()] };
  const elapsed = (work: CompiledWorkload, cores = 4): number =>
    runHost(vmm, { ...profile, cores }, [work], 4096).metrics.elapsed_ms;

  it("serves its requests on all of them side by side", () => {
    const [one, two, four] = [1, 2, 4].map((vcpus) => elapsed(guest(vcpus === 1 ? {} : { vcpus })));
    expect(Math.abs(one / two - 2)).toBeLessThan(0.05);
    expect(Math.abs(one / four - 4)).toBeLessThan(0.2);
  });

  const outcome = (kernelLock: number) =>
    runHost(vmm, { ...profile, cores: 4 }, [guest({ vcpus: 4, kernelLock })], 4096);

  it("spins for the kernel's lock, so that no more than one is in the locked part at a time", () => {
    const free = outcome(0);
    const locked = outcome(1);
    const { idle = 0, "guest.user": user, "guest.kernel.spin": spun, ...others } = free.cycles;
    const kernel = Object.values(others).reduce((sum, cycles) => sum + cycles, 0) / MS;
    expect(spun).toBeUndefined();
    expect(user).toBe(400 * MS);
    expect(idle).toBeLessThan(0.05 * user);
    expect(locked.cycles["guest.kernel.spin"]).toBeGreaterThan(0);
    // Amdahl 1967: the locked part of all requests takes place one after the other.
    expect(free.metrics.elapsed_ms).toBeLessThan(kernel);
    // Timer interrupts take no lock, and are less than a hundredth of all.
    expect(locked.metrics.elapsed_ms).toBeGreaterThanOrEqual(0.99 * kernel);
    const total = Object.values(locked.cycles).reduce((sum, cycles) => sum + cycles, 0);
    expect(total).toBe(Math.round(locked.metrics.elapsed_ms * 4 * MS));
  });

  it("spins longer where the vCPU with the lock is taken off its pCPU: what co-scheduling is for", () => {
    const work = guest({ vcpus: 2, kernelLock: 0.5, threads: 4 }, 800);
    const busy = guest({ threads: 1 }, 1600);
    const spin = (scheduler: typeof esx.scheduler, base = vmm): number => {
      const { cycles } = runHost({ ...base, scheduler }, { ...profile, cores: 2 }, [work, busy], 2 * 2048);
      return (cycles["guest.kernel.spin"] ?? 0) / MS;
    };
    const strict = spin(proportionalShareCpu({ coScheduling: STRICT }));
    const relaxed = spin(proportionalShareCpu({ coScheduling: RELAXED }));
    const none = spin(proportionalShareCpu());
    const xen = spin(credit(), { ...xenPv, memory: [hostSwap()] });
    expect(strict).toBeLessThan(relaxed);
    expect(relaxed).toBeLessThan(none);
    expect(strict).toBeLessThan(xen);
  });

  it("is written in a workload, with one vCPU and no lock where nothing is", () => {
    expect(shape(", vcpus: 2, kernel-lock: 30%")).toMatchObject({ vcpus: 2, kernelLock: 0.3 });
    expect(shape("").vcpus).toBeUndefined();
    expect(() => shape(", vcpus: 0")).toThrow(/guest.vcpus/);
  });

  it("is refused where it has more of them than the machine has processors", () => {
    expect(() => elapsed(guest({ vcpus: 4 }), 2)).toThrow(/guest.vcpus: 4 vCPUs, but machine .* has 2 processors/);
  });
});
