/**
 * Workload -> operation stream, a pure function of (workload, seed, guest index) and of the real inputs it names. The VMM
 * is no input: every VMM replays the same operations.
 */
import { SECOND_US } from "../core/time.ts";
import { InputError } from "../core/input-error.ts";
import { RandomStream } from "../core/random.ts";
import { AliasTable } from "./alias-table.ts";
import { arrivalTimes } from "./arrival-times.ts";
import type { CompiledWorkload, GuestShape } from "./compiled-workload.ts";
import { Op, type OperationStream, OperationStreamBuilder } from "./operation-stream.ts";
import { RequestWriter } from "./request-writer.ts";
import type { Amount, Work, Workload } from "./workload.ts";

/** A reference trace as operations, and how many pages it spans (its highest page number plus one). */
export interface TraceWork {
  readonly stream: OperationStream;
  readonly pages: number;
}

export interface CompileOptions {
  readonly seed: number;
  /** Which of the guests that run this workload: guests differ in what they draw, not in what they are. */
  readonly guestIndex: number;
  /** Contents of memory for this guest, one fingerprint a page; see {@link contentsOfGuest}. */
  readonly contents?: BigUint64Array;
  /** Compressed sizes of these contents, if they were measured. */
  readonly compressedSizes?: Uint8Array;
  /** Required by a workload whose work is a trace. */
  readonly trace?: TraceWork;
}

/** Throws an {@link InputError} when the real inputs do not fit the workload. */
export function compileWorkload(workload: Workload, options: CompileOptions): CompiledWorkload {
  const { name, durationUs, warmupUs } = workload;
  const guest = guestShape(workload, options);
  return { name, guest, stream: compileWork(workload, options), durationUs, warmupUs };
}

/** The entry of `guest.contents` that the guest with this index starts with. */
export function contentsOfGuest(workload: Workload, guestIndex: number): string | undefined {
  const { contents } = workload.guest;
  return contents.length === 0 ? undefined : contents[guestIndex % contents.length];
}

function guestShape(workload: Workload, { guestIndex, contents, compressedSizes, trace }: CompileOptions): GuestShape {
  const { contents: names, compressedSizes: _, cpu, ...shape } = workload.guest;
  if (names.length > 0 && contents === undefined) {
    throw new InputError(`workload "${workload.name}" needs the contents of ${names.join(", ")}`);
  }
  if (contents !== undefined && contents.length > shape.memoryPages) {
    const sizes = `${contents.length} pages, the guest's memory has ${shape.memoryPages}`;
    throw new InputError(`workload "${workload.name}": the memory contents have ${sizes}`);
  }
  const anonymousPages = Math.max(shape.anonymousPages, trace?.pages ?? 0);
  return {
    ...shape,
    anonymousPages,
    ...(contents && { contents }),
    ...(compressedSizes && { compressedSizes }),
    ...(cpu !== undefined && { cpu: cpu[guestIndex % cpu.length] }),
  };
}

function compileWork(workload: Workload, options: CompileOptions): OperationStream {
  const { work } = workload;
  switch (work.kind) {
    case "open":
      return compileOpen(workload, work, options);
    case "closed":
      return compileClosed(workload, work, options);
    case "trace":
      if (options.trace === undefined) throw new InputError(`workload "${workload.name}" needs the trace ${work.file}`);
      return options.trace.stream;
  }
}

/** Activities are independent; their requests are merged by arrival time, at equal times in the order of the file. */
function compileOpen(
  workload: Workload,
  { activities }: Extract<Work, { kind: "open" }>,
  options: CompileOptions,
): OperationStream {
  const into = new OperationStreamBuilder();
  const sources = activities.map(({ name, arrivals, steps }) => ({
    times: arrivalTimes(arrivals, workload.durationUs, randomStream(workload, options, `${name}/arrivals`)),
    writer: new RequestWriter(steps, randomStream(workload, options, name)),
    next: 0,
  }));
  for (;;) {
    let earliest = Infinity;
    let chosen = -1;
    for (let i = 0; i < sources.length; i++) {
      const at = sources[i].times[sources[i].next] ?? Infinity;
      if (at < earliest) {
        earliest = at;
        chosen = i;
      }
    }
    if (chosen < 0) return into.finish();
    sources[chosen].next++;
    into.add(Op.Request, Math.floor(earliest / SECOND_US), earliest % SECOND_US, 1);
    sources[chosen].writer.write(into);
  }
}

function compileClosed(
  workload: Workload,
  { activities, requests, thinkUs }: Extract<Work, { kind: "closed" }>,
  options: CompileOptions,
): OperationStream {
  const into = new OperationStreamBuilder();
  const choice = new AliasTable(Float64Array.from(activities, ({ share }) => share));
  const choices = randomStream(workload, options, "/choice");
  const thinking = randomStream(workload, options, "/think");
  const writers = activities.map(({ name, steps }) => new RequestWriter(steps, randomStream(workload, options, name)));
  for (let i = 0; i < requests; i++) {
    const pause = thinkTime(thinkUs, thinking);
    into.add(Op.Request, Math.floor(pause / SECOND_US), pause % SECOND_US, 0);
    writers[choice.draw(choices)].write(into);
  }
  return into.finish();
}

function thinkTime({ mean, spread }: Amount, random: RandomStream): number {
  return spread === "fixed" || mean === 0 ? mean : Math.round(random.exponential(mean));
}

function randomStream(workload: Workload, { seed, guestIndex }: CompileOptions, consumer: string): RandomStream {
  return new RandomStream(seed, `${workload.name}/vm${guestIndex}/${consumer}`);
}
