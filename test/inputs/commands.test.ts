import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import yargs from "yargs";
import { memoryCommand } from "../../src/cli/memory.ts";
import { parseFrames, traceCommand } from "../../src/cli/trace.ts";
import { committed, readJson } from "./data-files.ts";
import type { MemoryTruth, TracesTruth } from "./data-files.ts";

const truth = readJson<MemoryTruth & TracesTruth>(join(committed, "expected.json"));

/** Standard output of a command. Throws what the command throws. */
async function run(...args: string[]): Promise<string> {
  const written: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    written.push(String(chunk));
    return true;
  });
  await yargs(args)
    .command(memoryCommand)
    .command(traceCommand)
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseAsync();
  vi.restoreAllMocks();
  return written.join("");
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("memory sharing", () => {
  const set = truth.sets.find(({ id }) => id === "S4");
  const files = (set?.vms ?? []).map((vm) => join(committed, `${vm}.fp.gz`));

  test("--json prints one object with exactly the documented keys", async () => {
    expect(JSON.parse(await run("memory", "sharing", ...files, "--json"))).toEqual({
      pages: set?.pages,
      zeroPages: set?.zero_pages,
      distinctContents: set?.distinct_contents,
      reclaimablePages: set?.reclaimable_pages,
      split: {
        zeroPagesOverOne: set?.split.zero_pages_over_one_per_set,
        intraVm: set?.split.self_nonzero,
        interVm: set?.split.inter_vm_nonzero,
      },
      perVm: set?.vms.map((vm, index) => ({
        file: files[index],
        pages: truth.snapshots[vm].pages,
        zeroPages: truth.snapshots[vm].zero_pages,
        distinctContents: truth.snapshots[vm].distinct_contents,
      })),
    });
  });

  test("prints the same for people, with units", async () => {
    const text = await run("memory", "sharing", ...files);
    expect(text).toMatch(/^all VMs +262,144 +54,818 +131,403 +49\.87 %$/m);
    expect(text).toMatch(/^total +130,741 +510\.7 +49\.87 %$/m);
  });

  test("needs a file", async () => {
    await expect(run("memory", "sharing")).rejects.toThrow(/at least 1/);
    await expect(run("memory")).rejects.toThrow("expected a subcommand: sharing");
  });
});

describe("trace stats", () => {
  const file = join(committed, "sort.lackey.gz");
  const { sort } = truth.traces;

  test("--json prints one object with exactly the documented keys", async () => {
    expect(JSON.parse(await run("trace", "stats", file, "--frames", "16,2048", "--json"))).toEqual({
      refs: sort.refs,
      instr: sort.instr,
      load: sort.load,
      store: sort.store,
      modify: sort.modify,
      pageTouches: sort.page_touches,
      distinctPages: sort.distinct_pages,
      distinctPagesWritten: sort.distinct_pages_written,
      lru: {
        "16": { misses: sort.lru["16"].misses, missRatio: sort.lru["16"].miss_ratio },
        "2048": { misses: sort.lru["2048"].misses, missRatio: sort.lru["2048"].miss_ratio },
      },
    });
  });

  test("prints the same for people, with units", async () => {
    const text = await run("trace", "stats", file);
    expect(text).toMatch(/^instruction fetches +4,642,666 +77\.38 %$/m);
    expect(text).toMatch(/^2,048 +8,192 +1,322 +0\.02203 %$/m);
  });

  test.each(["0", "NaN", "-5", "16,abc", "1e3", "1.5", "16,,32", "", "99999999999999999999"])(
    "refuses --frames %j",
    async (frames) => {
      const wrong = frames.includes(",") ? frames.split(",")[1] : frames;
      await expect(run("trace", "stats", file, `--frames=${frames}`)).rejects.toMatchObject({
        name: "InputError",
        message: `--frames: expected positive whole numbers separated by commas; found "${wrong}"`,
      });
    },
  );

  test("takes frames once each", () => {
    expect(parseFrames("32, 16,32")).toEqual([32, 16]);
  });
});
