/** `vmmbench trace`: what a memory reference trace asks of a memory, and of VMMs. */
import type { CommandModule } from "yargs";
import type { TraceStatistics } from "../analysis/reference-trace.ts";
import type { LruPoint } from "../analysis/stack-distances.ts";
import { InputError } from "../core/input-error.ts";
import { KIB_PER_PAGE } from "../machine/page.ts";
import { percentage, textTable, wholeNumber } from "./text-table.ts";
import { convertCommand } from "./trace-convert.ts";
import { replayCommand } from "./trace-replay.ts";

const DEFAULT_FRAMES = "16,32,64,128,256,512,1024,2048";

interface StatsArguments {
  file: string;
  frames: string;
  json: boolean;
}

const statsCommand: CommandModule<object, StatsArguments> = {
  command: "stats <file>",
  describe: "Count references and pages exactly, and LRU misses at given numbers of page frames",
  builder: (yargs) =>
    yargs
      .positional("file", {
        type: "string",
        demandOption: true,
        describe: "Reference trace: text of valgrind's lackey tool (--trace-mem=yes) or binary form; gzip or plain",
      })
      .option("frames", {
        type: "string",
        requiresArg: true,
        default: DEFAULT_FRAMES,
        describe: "Numbers of 4 KiB page frames, separated by commas",
      })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object" })
      .example("$0 trace stats workloads/data/sort.lackey.gz", "counts and LRU misses at 16 ... 2048 frames")
      .example(
        "$0 trace stats workloads/data/sort.lackey.gz --frames 100,1000 --json",
        "the same at 100 and 1000 frames",
      ),
  handler: async ({ file, frames, json }) => {
    const numbersOfFrames = parseFrames(frames);
    const { readInputFile } = await import("../experiment/input-files.ts");
    const { readTrace } = await import("../workload/readers/trace.ts");
    const { traceStatistics } = await import("../analysis/reference-trace.ts");
    const { lruCurve, stackDistances } = await import("../analysis/stack-distances.ts");
    const trace = readTrace(readInputFile(file).bytes, file);
    const statistics = traceStatistics(trace);
    const lru = lruCurve(stackDistances(trace), numbersOfFrames);
    process.stdout.write(json ? asJson(statistics, lru) : asText(file, statistics, lru));
  },
};

export const traceCommand: CommandModule = {
  command: "trace",
  describe: "Analyse a memory reference trace, convert it, or replay it on VMMs",
  builder: (yargs) =>
    yargs
      .command(statsCommand)
      .command(convertCommand)
      .command(replayCommand)
      .demandCommand(1, 1, "expected a subcommand: stats, convert or replay")
      .example("$0 trace stats workloads/data/sort.lackey.gz", "what a trace touches, and its LRU misses"),
  handler: () => {},
};

/** Numbers of frames from `16,32,...`, without repetitions. Throws an {@link InputError} that names the wrong value. */
export function parseFrames(text: string): number[] {
  const values = text.split(",").map((part) => part.trim());
  const wrong = values.filter((value) => !/^[1-9][0-9]*$/.test(value) || !Number.isSafeInteger(Number(value)));
  if (wrong.length > 0) {
    throw new InputError(
      wrong.map((value) => `--frames: expected positive whole numbers separated by commas; found "${value}"`),
    );
  }
  return [...new Set(values.map(Number))];
}

function asJson(statistics: TraceStatistics, lru: readonly LruPoint[]): string {
  const { refs, instr, load, store, modify, pageTouches, distinctPages, distinctPagesWritten } = statistics;
  const byFrames = Object.fromEntries(lru.map(({ frames, misses, missRatio }) => [frames, { misses, missRatio }]));
  const counts = { refs, instr, load, store, modify, pageTouches, distinctPages, distinctPagesWritten };
  return `${JSON.stringify({ ...counts, lru: byFrames }, undefined, 2)}\n`;
}

function sizeRow(name: string, pages: number): string[] {
  return [name, wholeNumber(pages), wholeNumber(pages * KIB_PER_PAGE)];
}

function asText(file: string, statistics: TraceStatistics, lru: readonly LruPoint[]): string {
  const { refs } = statistics;
  const share = (name: string, count: number): string[] => [name, wholeNumber(count), percentage(count, refs)];
  const references = textTable([
    [file, "references", "of all"],
    share("all", refs),
    share("instruction fetches", statistics.instr),
    share("loads", statistics.load),
    share("stores", statistics.store),
    share("modifies", statistics.modify),
    share("across a page boundary", statistics.pageCrossingRefs),
  ]);
  const pages = textTable([
    ["distinct pages", "pages", "KiB"],
    sizeRow("all", statistics.distinctPages),
    sizeRow("written", statistics.distinctPagesWritten),
    sizeRow("with instructions", statistics.distinctPagesInstr),
    sizeRow("with data", statistics.distinctPagesData),
  ]);
  const misses = textTable([
    ["LRU frames", "KiB", "misses", "of page touches"],
    ...lru.map((point) => [
      wholeNumber(point.frames),
      wholeNumber(point.frames * KIB_PER_PAGE),
      wholeNumber(point.misses),
      `${(100 * point.missRatio).toFixed(5)} %`,
    ]),
  ]);
  const touches = `page touches: ${wholeNumber(statistics.pageTouches)}, in ${wholeNumber(statistics.pageRuns)} runs of one page\n`;
  return `${references}\n${pages}\n${touches}\n${misses}`;
}
