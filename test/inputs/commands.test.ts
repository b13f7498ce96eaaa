import { linkSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { memoryCommand } from "../../src/cli/memory.ts";
import { parseFrames, traceCommand } from "../../src/cli/trace.ts";
import { checkFile } from "../../src/experiment/check-file.ts";
import { loadWorkload } from "../../src/experiment/documents/load.ts";
import { readInputFile } from "../../src/experiment/input-files.ts";
import type { TraceReplay } from "../../src/sim/trace-replay.ts";
import { parseLackey } from "../../src/workload/readers/lackey.ts";
import { outputOf } from "../cli/command-output.ts";
import { committed, readJson } from "./data-files.ts";
import type { MemoryTruth, TracesTruth } from "./data-files.ts";

const truth = readJson<MemoryTruth & TracesTruth>(join(committed, "expected.json"));

function run(...words: string[]): Promise<string> {
  return outputOf((parser) => parser.command(memoryCommand).command(traceCommand), words);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("trace convert", () => {
  const work = mkdtempSync(join(tmpdir(), "convert-"));
  afterAll(() => rmSync(work, { recursive: true, force: true }));

  test("does not write over the trace that it reads, by any name of it", async () => {
    const file = join(work, "a.lackey");
    const link = join(work, "link.lackey");
    const text = "I  04001000,3\n L 1ffe000,8\n";
    writeFileSync(file, text);
    const hardLink = join(work, "hard-link.lackey");
    symlinkSync(file, link);
    linkSync(file, hardLink);
    for (const out of [file, link, hardLink, join(work, ".", "..", basename(work), "a.lackey")]) {
      await expect(run("trace", "convert", file, out)).rejects.toThrow(
        `${out}: is the trace itself; expected another file to write`,
      );
      expect(readFileSync(file, "utf8")).toBe(text);
    }
  });
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

describe("trace convert", () => {
  const { sort } = truth.traces;
  const text = join(committed, "sort.lackey.gz");
  const folder = mkdtempSync(join(tmpdir(), "vmmbench-convert-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(["sort.trace", "deeper/sort.trace.gz"])(
    "to %s makes what every command takes in place of the text",
    async (name) => {
      const out = join(folder, name);
      const bytes = (): string => statSync(out).size.toLocaleString("en-US");
      expect(await run("trace", "convert", text, out)).toBe(`${out}: 6,000,000 references in ${bytes()} bytes\n`);
      const plain = await run("trace", "stats", text, "--json");
      expect(await run("trace", "stats", out, "--json")).toBe(plain);
      expect(await checkFile(out)).toBe("reference trace of 6000000 references");
      const workload = readFileSync("workloads/sort-trace.yaml", "utf8").replace("data/sort.lackey.gz", out);
      writeFileSync(join(folder, "mine.yaml"), workload);
      const [fromText, fromBinary] = [join(committed, "../sort-trace.yaml"), join(folder, "mine.yaml")].map(
        loadWorkload,
      );
      const [of, expected] = [fromBinary, fromText].map(({ trace }) => trace);
      expect(of?.pages).toBe(expected?.pages);
      expect(of?.stream.a.every((operand, i) => operand === expected?.stream.a[i])).toBe(true);
    },
  );

  test("says where it cannot write", async () => {
    await expect(run("trace", "convert", text, folder)).rejects.toMatchObject({
      name: "InputError",
      message: `${folder}: cannot be written: is a folder; expected a file`,
    });
  });

  test("is not needed to replay: both forms give the same", async () => {
    const out = join(folder, "again.trace");
    await run("trace", "convert", text, out);
    const fromText = JSON.parse(await run("trace", "replay", text, "--json")) as Replays;
    const fromBinary = JSON.parse(await run("trace", "replay", out, "--json")) as Replays;
    expect(fromBinary.replays).toEqual(fromText.replays);
    expect(fromBinary).toMatchObject({ trace: out, machine: "xeon-2.4-sosp03", unit: "cycles" });
    expect(Object.keys(fromBinary.replays)).toEqual(["native", "xen-pv", "esx"]);
    // The machine's TLB has 64 entries; each page's first reference misses once more (see trace-replay.test.ts).
    const tlbMisses = sort.lru["64"].misses + sort.distinct_pages;
    expect(fromText.replays.native).toMatchObject({
      references: sort.refs,
      tlbMisses,
      walkReferences: 2 * tlbMisses,
      guestPageFaults: sort.distinct_pages,
      hiddenFaults: 0,
      exits: 0,
    });
    for (const { references, ledger, cyclesPerReference } of Object.values(fromText.replays)) {
      const total = Object.values(ledger).reduce((sum, each) => sum + each, 0);
      expect(cyclesPerReference).toBe(total / references);
    }
  });
});

function thousands(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

interface Replays {
  readonly replays: Readonly<Record<string, TraceReplay>>;
}

describe("trace replay", () => {
  const file = join(committed, "sort.lackey.gz");

  test("prints counts and cycles for people, a column for each VMM in the order given", async () => {
    const text = await run("trace", "replay", file, "--vmm", "esx,native");
    expect(text).toMatch(/sort\.lackey\.gz +esx +native$/m);
    expect(text).toMatch(/^references +6,000,000 +6,000,000$/m);
    expect(text).toMatch(/^guest page faults +1,322 +1,322$/m);
    expect(text).toMatch(/^cycles on xeon-2\.4-sosp03 +esx +native$/m);
    expect(text).toMatch(/^hardware\.tlb-miss +[\d,]+ +146,500$/m);
  });

  test("--events adds a table of the counts that --json has, in thousands, zeros where a VMM has none", async () => {
    const command = ["trace", "replay", file, "--vmm", "esx,native"];
    const [plain, text] = [await run(...command), await run(...command, "--events")];
    expect(text.startsWith(`${plain}\nevents in ${file} `)).toBe(true);
    const { replays } = JSON.parse(await run(...command, "--json")) as Replays;
    const [header, ...rows] = text
      .slice(plain.length + 1)
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
    expect(header).toEqual([`events in ${file}`, "esx", "native"]);
    const names = [...new Set(Object.values(replays).flatMap(({ events }) => Object.keys(events)))].sort();
    expect(rows).toEqual(
      names.map((name) => [name, ...[replays.esx, replays.native].map(({ events }) => thousands(events[name] ?? 0))]),
    );
    // A touch that hits the TLB is not visited: how many others user code makes is no figure.
    const { tlbMisses, walkReferences, guestPageFaults, hiddenFaults } = replays.esx;
    expect(guestPageFaults).toBe(truth.traces.sort.distinct_pages);
    expect(replays.esx.events).toMatchObject({
      "hardware.tlb-miss": tlbMisses,
      "page-walk-reference": walkReferences,
      page_fault_user: guestPageFaults,
      "vmm.shadow.true-fault": guestPageFaults,
      "vmm.shadow.hidden-fault": hiddenFaults,
    });
    expect(Object.keys(replays.native.events)).not.toContain("guest.user");
  });

  test("with large pages faults once in each, and says who cannot have them", async () => {
    const trace = parseLackey(readInputFile(file).bytes, file);
    const largePages = new Set([...trace.pageNumbers].map((page) => Math.floor(page / 1024))).size;
    const command = ["trace", "replay", file, "--large-pages", "--vmm", "native,xen-pv"];
    const { pageKib, replays } = JSON.parse(await run(...command, "--json")) as Replays & { readonly pageKib: number };
    expect(pageKib).toBe(4096);
    expect(Object.keys(replays)).toEqual(["native"]);
    // All are held by the TLB of 64 entries; the first reference to each misses once more when it is restarted.
    expect(replays.native).toMatchObject({ guestPageFaults: largePages, tlbMisses: 2 * largePages });
    expect(await run(...command)).toMatch(/sort\.lackey\.gz, pages of 4 MiB +native$/m);
  });

  test.each([
    ["--vmm", "nativ", 'there is no VMM "nativ"; did you mean "native"?'],
    ["--machine", "xeon-2.4", 'there is no machine "xeon-2.4"'],
  ])("refuses a wrong %s", async (option, value, message) => {
    await expect(run("trace", "replay", file, option, value)).rejects.toThrow(message);
  });
});
