import { describe, expect, it } from "vitest";
import { cause, Ledger } from "../../src/core/ledger.ts";
import { EventQueue } from "../../src/sim/event-queue.ts";
import { Processors } from "../../src/sim/processors.ts";
import type { VcpuWork } from "../../src/sim/vcpu.ts";
import { VcpuSwitches } from "../../src/sim/vcpu-switches.ts";
import type { Part } from "../../src/vmm/contract.ts";
import type { Scheduler } from "../../src/vmm/host-contract.ts";
import { bvt } from "../../src/vmm/scheduler/bvt.ts";
import { credit } from "../../src/vmm/scheduler/credit.ts";
import { sedf } from "../../src/vmm/scheduler/sedf.ts";
import { proportionalShareCpu } from "../../src/vmm/scheduler/proportional-share.ts";
import { esx } from "../../src/vmm/esx.ts";
import { MS, settings } from "./cpu-host.ts";
import { buildHost, profile } from "./fixtures.ts";

/** Not in step with the ticks of 10 ms, which would find the sleeper running every time. */
const SLEEP = 11 * MS;
const USER = cause("guest.user");
const PROCESSOR = 0;
const TICK = 1;
const WAKE = 2;

/** A machine with nothing but CPUs: hogs that always compute, and one sleeper that needs little, regularly. */
function run(scheduler: Scheduler, cpus: number, shares: readonly number[], seconds: number, sleeper: boolean) {
  const events = new EventQueue();
  const ledger = new Ledger();
  const switches = new VcpuSwitches({ ...profile, cores: cpus }, 0);
  const processors = new Processors(cpus, scheduler, switches, ledger, events, PROCESSOR);
  const hog: VcpuWork = { advance: () => false };
  const used = shares.map(() => 0);
  shares.forEach((share, i) => {
    const vcpu = processors.addVcpu(
      { ...hog, advance: () => (used[i]++, vcpu.pending.add(USER, MS), true) },
      settings({ shares: share }),
    );
    processors.wake(vcpu);
  });
  const delays: number[] = [];
  let asked = 0;
  let working = false;
  const light = sleeper
    ? processors.addVcpu(
        {
          advance: (now) => {
            if (working) delays.push(now - asked);
            working = !working && asked > 0 && delays.length < asked / SLEEP;
            if (working) light?.pending.add(USER, MS / 10);
            return working;
          },
        },
        settings(),
      )
    : undefined;
  if (light !== undefined) events.add(SLEEP, WAKE);
  if (scheduler.tickCycles > 0) events.add(scheduler.tickCycles, TICK);
  const end = seconds * 1000 * MS;
  let now = 0;
  processors.placeWoken(0);
  while (events.take() && events.time <= end) {
    now = events.time;
    if (events.kind === PROCESSOR) processors.onEvent(events.subject, events.detail, now);
    else if (events.kind === TICK) {
      processors.tick(now);
      events.add(now + scheduler.tickCycles, TICK);
    } else {
      asked = now;
      if (light !== undefined) processors.wake(light);
      events.add(now + SLEEP, WAKE);
    }
    processors.placeWoken(now);
  }
  processors.settle(end);
  return { milliseconds: used, ledger, delays, end };
}

function simulate(part: Part<"scheduler">, cpus: number, shares: readonly number[], seconds: number, sleeper = false) {
  const machine = { ...profile, cores: cpus };
  const { scheduler } = buildHost({ ...esx, memory: [], scheduler: part }, 1, machine);
  return run(scheduler, cpus, shares, seconds, sleeper);
}

describe.each([
  { name: "proportional-share", part: proportionalShareCpu(), slack: 51 },
  // Credits are burnt by ticks of 10 ms and handed out every 30: proportional over accounting periods.
  { name: "credit", part: credit(), slack: 200 },
])("$name", ({ part, slack }) => {
  it("divides one CPU by shares", () => {
    const { milliseconds } = simulate(part, 1, [1, 2, 1, 4], 8);
    [1, 2, 1, 4].forEach((share, i) => expect(Math.abs(milliseconds[i] - share * 1000)).toBeLessThanOrEqual(slack));
  });

  it("divides two CPUs among three equals", () => {
    const { milliseconds } = simulate(part, 2, [1, 1, 1], 6);
    for (const used of milliseconds) expect(Math.abs(used - 4000)).toBeLessThanOrEqual(slack);
  });

  it("is fair to eight equals beside one that often wakes up, such as dom0", () => {
    const { milliseconds, delays } = simulate(part, 2, Array(8).fill(1), 8, true);
    const left = 16_000 - delays.length / 10;
    for (const used of milliseconds) expect(Math.abs(used - left / 8)).toBeLessThanOrEqual(slack);
  });

  it("leaves nobody waiting for good", () => {
    const { milliseconds } = simulate(part, 1, Array(12).fill(1), 6);
    for (const used of milliseconds) expect(used).toBeGreaterThan(300);
  });

  it("charges exactly the time that has passed, idle time included", () => {
    for (const hogs of [1, 3]) {
      const { ledger, end } = simulate(part, 2, Array(hogs).fill(1), 1.2345);
      expect(ledger.total).toBe(2 * end);
      expect(Object.values(ledger.cyclesByCause()).reduce((sum, cycles) => sum + cycles, 0)).toBe(2 * end);
      expect(ledger.cyclesByCause().idle ?? 0).toBe(hogs === 1 ? end : 0);
    }
  });

  it("lets a vCPU that needs little run soon after it wakes up", () => {
    const { delays } = simulate(part, 1, [1, 1, 1], 5, true);
    expect(delays.length).toBeGreaterThan(350);
    const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length / MS;
    expect(mean).toBeLessThan(5);
  });
});

const TICK_MS = 10;

/**
 * One CPU, time in ticks of 10 ms. vCPU 0 and 1 compute, vCPU 1 only from `wakesAt` ms on; all others sleep after their first
 * tick. Returns the ticks that 0 and 1 get from `wakesAt` until 600 ms later.
 */
function ticksOfTwo(part: Part<"scheduler">, shares: readonly number[], wakesAt: number): readonly number[] {
  const { scheduler } = buildHost({ ...esx, memory: [], scheduler: part }, 1, { ...profile, cores: 1 });
  const used = shares.map(() => 0);
  for (const share of shares) scheduler.add(settings({ shares: share }));
  for (let vcpu = shares.length - 1; vcpu >= 0; vcpu--) scheduler.ready(vcpu, true, 0);
  let running = scheduler.pick(0, 0);
  let sliceEnd = TICK_MS * MS;
  for (let ms = TICK_MS; ms <= wakesAt + 600; ms += TICK_MS) {
    if (ms > wakesAt) used[running]++;
    scheduler.ran(running, TICK_MS * MS);
    scheduler.tick(running);
    scheduler.account();
    const mustYield = scheduler.mustYield(running);
    const sleeps = running > 1 || (running === 1 && ms < wakesAt);
    if (ms === wakesAt) scheduler.ready(1, true, ms * MS);
    if (!mustYield && !sleeps && ms * MS < sliceEnd) continue;
    if (!sleeps) scheduler.ready(running, false, ms * MS);
    running = scheduler.pick(0, ms * MS);
    sliceEnd = scheduler.until;
  }
  return used.slice(0, 2);
}

it.each([
  { name: "proportional-share", part: proportionalShareCpu() },
  { name: "credit", part: credit() },
  { name: "bvt", part: bvt() },
  { name: "sedf", part: sedf() },
])("$name does not let a vCPU save up the time that it slept", ({ part }) => {
  const [, sleeper] = ticksOfTwo(part, [1, 1], 5000);
  expect(sleeper).toBeGreaterThanOrEqual(25);
  expect(sleeper).toBeLessThanOrEqual(40);
});

/** Three vCPUs that compute, as the scheduler hands them out. */
function computing(): Scheduler {
  const { scheduler } = buildHost({ ...esx, memory: [], scheduler: credit() }, 1, { ...profile, cores: 1 });
  for (const vcpu of [0, 1, 2]) {
    scheduler.add(settings());
    scheduler.ready(vcpu, false, 0);
  }
  expect([0, 1, 2].map(() => scheduler.pick(0, 0))).toEqual([0, 1, 2]);
  return scheduler;
}

it("credit divides by weights among those that run, whoever else there is that sleeps", () => {
  for (const shares of [
    [1, 2],
    [1, 2, 4, 4],
  ]) {
    const [one, two] = ticksOfTwo(credit(), shares, 3000);
    expect(one + two).toBe(60);
    expect(Math.abs(two - 40)).toBeLessThanOrEqual(4);
  }
});

describe("boost (Xen, sched_credit.c)", () => {
  it("lets a vCPU that wakes up take the place of one that computes, but not of another that woke up", () => {
    const scheduler = computing();
    scheduler.ready(1, true, 0);
    expect(scheduler.preemptsAt(1, 0, 0)).toBe(0);
    scheduler.ready(2, true, 0);
    expect(scheduler.preemptsAt(2, 1, 0)).toBe(Infinity);
    expect([scheduler.pick(0, 0), scheduler.pick(0, 0)]).toEqual([1, 2]);
  });

  it("ends with the first tick", () => {
    const scheduler = computing();
    scheduler.ready(1, true, 0);
    scheduler.pick(0, 0);
    scheduler.tick(1);
    expect(scheduler.mustYield(1)).toBe(false);
    scheduler.ready(2, true, 0);
    expect(scheduler.preemptsAt(2, 1, 0)).toBe(0);
  });

  it("is not for a vCPU that has used up its credit", () => {
    const scheduler = computing();
    for (let tick = 0; tick < 3; tick++) {
      scheduler.tick(1);
      scheduler.tick(0);
      scheduler.account();
    }
    // Each has burnt 300 and been given 150.
    scheduler.ready(1, true, 0);
    expect(scheduler.preemptsAt(1, 2, 0)).toBe(Infinity);
    expect(scheduler.preemptsAt(2, 0, 0)).toBe(0);
  });
});
