import { describe, expect, it } from "vitest";
import { cause, Ledger } from "../../src/core/ledger.ts";
import { EventQueue } from "../../src/sim/event-queue.ts";
import { Processors, type VcpuWork } from "../../src/sim/processors.ts";
import type { Part } from "../../src/vmm/contract.ts";
import type { Scheduler } from "../../src/vmm/host-contract.ts";
import { credit } from "../../src/vmm/scheduler/credit.ts";
import { proportionalShareCpu } from "../../src/vmm/scheduler/proportional-share.ts";
import { esx } from "../../src/vmm/esx.ts";
import { buildHost, profile } from "./fixtures.ts";

const MS = profile.megahertz * 1000;
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
  const processors = new Processors(cpus, scheduler, ledger, events, PROCESSOR);
  const hog: VcpuWork = { advance: () => false };
  const used = shares.map(() => 0);
  shares.forEach((share, i) => {
    const vcpu = processors.addVcpu({ ...hog, advance: () => (used[i]++, vcpu.pending.add(USER, MS), true) }, share);
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
        1,
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
