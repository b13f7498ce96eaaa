/** When who is at work in an explained operation: stretches of time, none of them too short to be seen. */
import { ACTORS } from "../sim/explain/work.ts";
import { costAfter, type ExplainedVmm, type GuestCall, type Step } from "../sim/explain/explanation.ts";
import { type CauseGroup, causeGroup } from "./cycle-breakdown.ts";

/** Work of one actor in one ring. Costs since the operation began. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  /** "VMM, ring 0". */
  readonly lane: string;
  readonly cause: string;
  readonly group: CauseGroup;
  readonly cost: number;
  /** Where turns are too short to be told apart: from which to which share of the time here; otherwise 0 and 1. */
  readonly low: number;
  readonly high: number;
}

/** An operation of the stream, or several of the same kind in a row. */
export interface Phase {
  readonly title: string;
  readonly start: number;
  readonly end: number;
}

export interface Timeline {
  /** From the least to the most privileged; without those that do nothing. */
  readonly lanes: readonly string[];
  readonly stretches: readonly Stretch[];
  readonly phases: readonly Phase[];
}

/** Steps that take less than `shortest` are pooled until they take that long together. */
export function timelineOf(vmm: ExplainedVmm, calls: readonly GuestCall[], shortest: number): Timeline {
  const steps = vmm.steps.flat().filter(({ cost }) => cost > 0);
  const lanes = [...new Map(steps.map((step) => [laneOf(step), step.actor]))];
  lanes.sort(([, a], [, b]) => ACTORS.indexOf(a) - ACTORS.indexOf(b));
  const pool = new Pool(shortest);
  for (const stretch of joined(steps)) pool.add(stretch);
  return { lanes: lanes.map(([lane]) => lane), stretches: pool.finish(), phases: phasesOf(vmm, calls) };
}

function laneOf({ actor, ring }: Step): string {
  return ring === null ? actor : `${actor}, ring ${ring}`;
}

/** Consecutive steps of one cause as one stretch. */
function joined(steps: readonly Step[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const step of steps) {
    const { cost, costSoFar: end } = step;
    const [lane, cause] = [laneOf(step), step.cause ?? ""];
    const last = stretches[stretches.length - 1];
    if (last?.lane === lane && last.cause === cause)
      stretches[stretches.length - 1] = { ...last, end, cost: last.cost + cost };
    else stretches.push({ start: end - cost, end, lane, cause, group: causeGroup(cause), cost, low: 0, high: 1 });
  }
  return stretches;
}

class Pool {
  readonly #shortest: number;
  readonly #done: Stretch[] = [];
  #pooled: Stretch[] = [];

  constructor(shortest: number) {
    this.#shortest = shortest;
  }

  add(stretch: Stretch): void {
    if (stretch.cost >= this.#shortest) {
      this.#empty();
      this.#done.push(stretch);
      return;
    }
    this.#pooled.push(stretch);
    if (stretch.end - this.#pooled[0].start >= this.#shortest) this.#empty();
  }

  finish(): readonly Stretch[] {
    this.#empty();
    return this.#done;
  }

  /** Everything pooled lies side by side in its lane over the whole time of the pool, as high as its share of it. */
  #empty(): void {
    if (this.#pooled.length === 0) return;
    const { start } = this.#pooled[0];
    const { end } = this.#pooled[this.#pooled.length - 1];
    const heights = new Map<string, number>();
    for (const stretch of addedUp(this.#pooled)) {
      const low = heights.get(stretch.lane) ?? 0;
      const high = low + stretch.cost / (end - start);
      heights.set(stretch.lane, high);
      this.#done.push({ ...stretch, start, end, low, high });
    }
    this.#pooled = [];
  }
}

function addedUp(stretches: readonly Stretch[]): Stretch[] {
  const byCause = new Map<string, Stretch>();
  for (const stretch of stretches) {
    const key = `${stretch.lane} ${stretch.cause}`;
    const before = byCause.get(key)?.cost ?? 0;
    byCause.set(key, { ...stretch, cost: before + stretch.cost });
  }
  return [...byCause.values()];
}

function phasesOf(vmm: ExplainedVmm, calls: readonly GuestCall[]): Phase[] {
  const phases: { name: string; turns: Set<number>; start: number; end: number }[] = [];
  let now = 0;
  calls.forEach(({ operation, turn }, call) => {
    const end = costAfter(vmm, call);
    const last = phases[phases.length - 1];
    if (last?.name === operation) {
      last.turns.add(turn);
      last.end = end;
    } else phases.push({ name: operation, turns: new Set([turn]), start: now, end });
    now = end;
  });
  const titled = phases.map(({ name, turns, start, end }) => ({
    title: turns.size === 1 ? name : `${name} x ${turns.size}`,
    start,
    end,
  }));
  return titled.filter(({ start, end }) => end > start);
}
