/** `vmmbench memory balloon`: a guest booted with some memory against one that is ballooned down to it. */
import type { CommandModule } from "yargs";
import type { BalloonRun, ComparisonSettings } from "../analysis/balloon-comparison.ts";
import { InputError } from "../core/input-error.ts";
import { GUEST_NAMES, type GuestName } from "../analysis/validation/balloon/guest-names.ts";
import { parseNumber } from "./number-list.ts";

const DEFAULT_SIZES = ["128", "160", "192"];
const DEFAULT_BOOTED = "256";
const MOST_SEED = 2 ** 32 - 1;

interface BalloonArguments {
  sizes: string[];
  booted: string;
  guest: GuestName;
  seed: string;
  json: boolean;
}

export const balloonCommand: CommandModule<object, BalloonArguments> = {
  command: "balloon [sizes..]",
  describe: "Run one job in a guest booted with some memory, and in one ballooned down to it",
  builder: (yargs) =>
    yargs
      .positional("sizes", {
        type: "string",
        array: true,
        default: DEFAULT_SIZES,
        describe: "Sizes of the guest in MiB",
      })
      .option("booted", {
        type: "string",
        requiresArg: true,
        default: DEFAULT_BOOTED,
        describe: "What the guest is booted with that is ballooned, in MiB",
      })
      .option("guest", {
        type: "string",
        requiresArg: true,
        choices: GUEST_NAMES,
        default: GUEST_NAMES[0],
        describe: "Which of the two guests measured is simulated, and held against what it measured",
      })
      .option("seed", { type: "string", requiresArg: true, default: "1", describe: "Seed of what the job touches" })
      .option("json", { type: "boolean", default: false, describe: "Print one JSON object" })
      .example("$0 memory balloon", "at the sizes at which the first guest was measured")
      .example("$0 memory balloon 131 181 219 --json", "at others, as JSON with the names of the kernel's counters")
      .example("$0 memory balloon 160 --booted 512", "a guest booted with 512 MiB has less of its 160 MiB left")
      .example("$0 memory balloon 176 --guest second", "the guest that was measured again, at sizes between"),
  handler: async ({ sizes, booted, guest, seed, json }) => {
    const settings = await settingsFrom(sizes, booted, guest, seed);
    const { balloonAsJson, balloonAsText } = await import("./balloon-output.ts");
    const runs = await runAll(settings);
    process.stdout.write(json ? balloonAsJson(settings, runs) : balloonAsText(settings, runs));
  },
};

/** Each run takes seconds, which are told as they pass. */
async function runAll(settings: ComparisonSettings): Promise<readonly BalloonRun[]> {
  const { compareBalloon, plannedRuns } = await import("../analysis/balloon-comparison.ts");
  const total = plannedRuns(settings).length;
  const runs: BalloonRun[] = [];
  const begun = Date.now();
  for (const run of compareBalloon(settings)) {
    runs.push(run);
    console.error(`${runs.length}/${total} runs: ${run.name}, ${((Date.now() - begun) / 1000).toFixed(0)} s`);
  }
  return runs;
}

async function settingsFrom(
  sizes: readonly string[],
  booted: string,
  guest: GuestName,
  seed: string,
): Promise<ComparisonSettings> {
  const { leastBallooned, leastBooted, MOST_MIB } = await import("../analysis/validation/balloon/guest-sizes.ts");
  const { GUESTS } = await import("../analysis/validation/balloon/measured-runs.ts");
  const bootedMib = parseNumber("--booted", booted, {
    least: leastBooted(GUESTS[guest]),
    most: MOST_MIB,
    whole: true,
  });
  return {
    guest,
    bootedMib,
    sizes: parseSizes(sizes, leastBallooned(GUESTS[guest], bootedMib), bootedMib),
    seed: parseNumber("--seed", seed, { least: 0, most: MOST_SEED, whole: true }),
  };
}

/** Sizes as numbers. Throws an {@link InputError} with a sentence for each that cannot be. */
function parseSizes(words: readonly string[], least: number, bootedMib: number): readonly number[] {
  const problems = words.flatMap((word) => {
    const problem = sizeProblem(word, least, bootedMib);
    return problem === undefined ? [] : [`sizes: ${problem}`];
  });
  if (problems.length > 0) throw new InputError(problems);
  const sizes = words.map(Number);
  const twice = sizes.find((size, i) => sizes.indexOf(size) < i);
  if (twice !== undefined) throw new InputError(`sizes: ${twice} is there twice`);
  return sizes;
}

function sizeProblem(word: string, least: number, bootedMib: number): string | undefined {
  const range = `from ${least} to ${bootedMib}`;
  if (!/^[0-9]+$/.test(word)) return `expected whole numbers of MiB ${range}, separated by spaces; found "${word}"`;
  const mib = Number(word);
  if (mib > bootedMib) {
    return `a guest booted with ${bootedMib} MiB cannot be ballooned to ${word}; expected ${range}, or more with --booted`;
  }
  if (mib >= least) return undefined;
  return `${word} MiB is too little: booted with ${bootedMib}, the guest's kernel leaves nothing to run the job in; expected ${range}`;
}
