/** The processor that the job of the balloon measurement shares with kswapd, against what a real guest did (docs/balloon-job). */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  FairProcessor,
  type ReclaimThread,
  type StepTime,
} from "../../src/analysis/validation/balloon/fair-processor.ts";

const MS = 1e6;
const TICK = 4 * MS;
/** What kswapd does before it could lose the processor, and what a thread does. */
const PART = 0.1 * MS;
const STEP = 0.02 * MS;

/** Kswapd with so much work whenever it is woken; notes when it has the processor. */
class Worker implements ReclaimThread {
  processor: FairProcessor | undefined;
  left = 0;
  cost = 0;
  /** Guest times from which and to which it ran without a pause. */
  readonly turns: { from: number; to: number }[] = [];
  readonly looks: number[] = [];

  get isAwake(): boolean {
    return this.left > 0;
  }

  run(): void {
    const { processor } = this;
    if (processor === undefined) return;
    while (this.isAwake && processor.hasTurn()) {
      const from = processor.guestTime;
      this.cost += PART;
      this.left -= PART;
      processor.hasRun();
      const last = this.turns.at(-1);
      if (last?.to === from) last.to = processor.guestTime;
      else this.turns.push({ from, to: processor.guestTime });
    }
  }

  lookAgain(): void {
    this.looks.push(this.processor?.guestTime ?? 0);
  }
}

function build(): { readonly worker: Worker; readonly processor: FairProcessor } {
  const worker = new Worker();
  const processor = new FairProcessor(worker, () => worker.cost, 1);
  worker.processor = processor;
  return { worker, processor };
}

/** A thread that computes for so long; at `wakesAt` of the guest's time it wakes kswapd for so much work. */
function* computes(ms: number, processor?: FairProcessor, worker?: Worker, wakesAt = 0, work = 0): Generator<StepTime> {
  let isAsleep = work > 0;
  for (let had = 0; had < ms * MS; had += STEP) {
    if (isAsleep && processor !== undefined && worker !== undefined && processor.guestTime >= wakesAt * MS) {
      isAsleep = false;
      worker.left = work * MS;
      worker.run();
    }
    yield { cpu: STEP, readyAt: 0 };
  }
}

function lengths({ turns }: Worker): number[] {
  return turns.map(({ from, to }) => (to - from) / MS);
}

it("lets kswapd interrupt who has woken it, and have the processor for a tick at a time, then each of the others", () => {
  const { worker, processor } = build();
  processor.run([computes(200, processor, worker, 50, 23), computes(200)]);
  expect(worker.turns[0].from / MS).toBeCloseTo(50, 1);
  // 23 ms of work took 60 in the real guest, beside two others, and 8.8 took 19.6.
  const took = (worker.turns.at(-1)?.to ?? 0) - worker.turns[0].from;
  expect(took / MS).toBeGreaterThan(45);
  expect(took / MS).toBeLessThan(75);
  for (const length of lengths(worker).slice(1, -1)) expect(length).toBeCloseTo(4, 0);
  const pauses = worker.turns.slice(1).map(({ from }, i) => (from - worker.turns[i].to) / MS);
  for (const pause of pauses) expect(Math.min(Math.abs(pause - 4), Math.abs(pause - 8))).toBeLessThan(0.2);
});

it("gives kswapd half of the processor beside one thread, and all of it while that waits", () => {
  const { worker, processor } = build();
  processor.run([computes(200, processor, worker, 50, 40)]);
  expect(((worker.turns.at(-1)?.to ?? 0) - worker.turns[0].from) / MS).toBeCloseTo(80, -1);
  // A slice of 3 ms is over at the next tick.
  for (const length of lengths(worker).slice(1, -1)) expect(length).toBeCloseTo(4, 0);
  const alone = build();
  function* waits(): Generator<StepTime> {
    alone.worker.left = 40 * MS;
    yield { cpu: STEP, readyAt: 100 * MS };
    yield { cpu: STEP, readyAt: 0 };
  }
  alone.processor.run([waits()]);
  expect(alone.worker.turns).toHaveLength(1);
  expect(lengths(alone.worker)[0]).toBeCloseTo(40, 1);
});

// min_vruntime goes on whenever a thread leaves the processor, whatever for (update_curr, dequeue_entity).
it("owes kswapd no more than half a period for its sleep beside a thread that waits for the disk after each step", () => {
  const { worker, processor } = build();
  function* pages(): Generator<StepTime> {
    for (let step = 0; step < 600; step++) {
      if (step === 400) {
        worker.left = 40 * MS;
        worker.run();
      }
      yield { cpu: 0.5 * MS, readyAt: processor.realTime + 0.7 * MS };
    }
  }
  processor.run([pages()]);
  expect(worker.left).toBeLessThan(1);
  // What it is owed, and the rest of a tick.
  expect(lengths(worker)[0]).toBeLessThan(7.2);
  for (const length of lengths(worker).slice(1)) expect(length).toBeLessThan(4.2);
});

// sched_wakeup_granularity is 1 ms with one processor; else kswapd waits for a tick, at which a slice of 3 ms is over.
it.each([
  [0.5, 4],
  [2, 2],
])("has kswapd, woken by who has had %f ms more, begin after %f ms", (wakesAt, begins) => {
  const { worker, processor } = build();
  processor.run([computes(20, processor, worker, wakesAt, 1)]);
  expect(worker.turns[0].from / MS).toBeCloseTo(begins, 1);
});

// Seven threads have slices of 0.86 ms. At the tick at 4 ms one has run for 0.5 since it slept, and has had 0.9 more than the others.
it("leaves who has had the processor for less than sched_min_granularity alone at a tick, however short the slices", () => {
  const { processor } = build();
  const begun: number[] = [];
  function* sleeps(): Generator<StepTime> {
    yield { cpu: 0.4 * MS, readyAt: 3.5 * MS };
    yield* computes(10);
  }
  function* waits(): Generator<StepTime> {
    yield { cpu: 0, readyAt: 3.6 * MS };
    begun.push(processor.guestTime);
    yield* computes(1);
  }
  processor.run([sleeps(), ...Array.from({ length: 6 }, waits)]);
  expect(Math.min(...begun) / MS).toBeCloseTo(8, 1);
});

it("lets whoever has waited for a disk interrupt kswapd", () => {
  const { worker, processor } = build();
  function* waits(): Generator<StepTime> {
    worker.left = 40 * MS;
    yield { cpu: STEP, readyAt: 10 * MS };
    yield* computes(20);
  }
  processor.run([waits()]);
  expect(worker.turns[0].to / MS).toBeCloseTo(10, 0);
});

it("has kswapd look again 104 ms after it has gone to sleep, at a tick", () => {
  const { worker, processor } = build();
  processor.run([computes(300, processor, worker, 50, 1)]);
  expect(worker.looks).toHaveLength(1);
  // Traced: from 7.866 to 7.970 s, run after run.
  const slept = worker.looks[0] - worker.turns[0].to;
  expect(slept / MS).toBeGreaterThan(100);
  expect(slept / MS).toBeLessThanOrEqual(104.1);
  expect(worker.looks[0] % TICK).toBeLessThan(STEP);
});

it("loses no time, whoever waits and for how long", () => {
  const thread = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 40 })), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(fc.array(thread, { minLength: 1, maxLength: 3 }), fc.integer({ min: 0, max: 60 }), (threads, work) => {
      const { worker, processor } = build();
      worker.left = work * PART * 10;
      let spent = 0;
      function* plays(parts: readonly (readonly [number, number])[]): Generator<StepTime> {
        for (const [cpu, waits] of parts) {
          spent += cpu * STEP;
          yield { cpu: cpu * STEP, readyAt: waits === 0 ? 0 : processor.realTime + waits * MS };
        }
      }
      const end = processor.run(threads.map(plays));
      expect(end).toBeGreaterThanOrEqual(spent + worker.cost - 1);
      // Of two clocks that go as fast, neither is behind.
      expect(processor.realTime).toBeCloseTo(processor.guestTime, 0);
      expect(processor.kswapdCost).toBe(worker.cost);
    }),
  );
});
