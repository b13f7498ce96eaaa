import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { InputError } from "../../src/core/input-error.ts";
import { compileGuests, loadWorkload } from "../../src/experiment/documents/load.ts";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import { Op } from "../../src/workload/operation-stream.ts";

const folder = mkdtempSync(join(tmpdir(), "vmmbench-load-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

function problems(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return [];
}

const IMAGE = `name: image
title: Image
summary: For tests.
guest:
  memory: 64KiB
  kernel: 4KiB
  contents:
    - a.fp.gz
    - b.fp.gz
duration: 1s
activities:
  - name: nothing
    arrivals: { every: 1s }
    request:
      - syscall: "null"
`;
const fingerprints = (count: number): Uint8Array => gzipSync(new Uint8Array(8 * count).fill(7));

describe("a workload with real inputs", () => {
  test("reads them relative to its own folder, and its digest covers them", () => {
    const file = write("image.yaml", IMAGE);
    write("a.fp.gz", fingerprints(16));
    write("b.fp.gz", fingerprints(3));
    const first = loadWorkload(file);
    expect(compileGuests(first, 1, 3).map(({ guest }) => guest.contents?.length)).toEqual([16, 3, 16]);
    write("b.fp.gz", fingerprints(4));
    const second = loadWorkload(file);
    write("image.yaml", IMAGE.replace("For tests.", "For others."));
    const third = loadWorkload(file);
    expect(new Set([first.digest, second.digest, third.digest]).size).toBe(3);
    expect(first.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test("says at which line a missing, truncated or oversized input is named, all at once", () => {
    const file = write("bad.yaml", IMAGE.replace("a.fp.gz", "aa.fp.gz").replace("b.fp.gz", "cut.fp.gz"));
    write("a.fp.gz", fingerprints(16));
    write("cut.fp.gz", fingerprints(16).subarray(0, 20));
    const found = problems(() => loadWorkload(file));
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(
      /bad\.yaml:8:7: guest\.contents\[0\]: .*aa\.fp\.gz: no such file; did you mean ".*a\.fp\.gz"\?$/,
    );
    expect(found[1]).toMatch(/bad\.yaml:9:7: guest\.contents\[1\]: .*cut\.fp\.gz: byte offset 20: .*truncated$/);
    write("a.fp.gz", fingerprints(17));
    write("b.fp.gz", fingerprints(1));
    expect(problems(() => loadWorkload(write("image.yaml", IMAGE)))).toEqual([
      `${folder}/image.yaml:8:7: guest.contents[0]: has 17 pages, guest.memory only 16`,
    ]);
  });

  test("a trace becomes the stream, and the process is as large as the trace", () => {
    write("t.lackey", "I  00001000,4\n L 00402000,4\n S 00402008,8\n");
    const description = "name: t\ntitle: T\nsummary: S.\nguest: { memory: 64MiB, kernel: 4MiB }\n";
    const file = write("t.yaml", `${description}trace: { file: t.lackey, cycles-per-instruction: 3 }\n`);
    const [{ guest, stream, durationUs }] = compileGuests(loadWorkload(file), 1, 1);
    expect([...stream.op]).toEqual([Op.Request, Op.Touch, Op.Touch]);
    expect([...stream.a]).toEqual([0, 1, 1026]);
    expect([...stream.b]).toEqual([0, 6, 1]);
    expect(guest.anonymousPages).toBe(1027);
    expect(durationUs).toBe(0);
    write("t.lackey", "I  00001000,4\nX\n");
    expect(problems(() => loadWorkload(file))[0]).toMatch(/t\.yaml:5:16: trace\.file: .*t\.lackey.*2/);
  });

  test("a file that is not there, not text, or a folder", () => {
    expect(problems(() => loadWorkload(join(folder, "imagee.yaml")))[0]).toContain("image.yaml");
    expect(problems(() => loadWorkload(folder))[0]).toContain("is a folder");
    expect(problems(() => loadWorkload(write("x.yaml", new Uint8Array([0xff, 0xfe, 0x41]))))[0]).toContain("UTF-8");
  });
});

const MACHINE = `name: m
title: M
kernel: linux-2.4
cpu: { frequency: 2.4GHz, cores: 2, kind: published, source: S }
page-table: ia32
tlb: { entries: 64, ways: 4, kind: published, source: S }
disk: { positioning: 7.7ms, rate: 60MB/s, kind: assumed, source: S }
network: { rate: 1Gb/s, kind: published, source: S }
costs:
  hardware.trap: { value: 1093, unit: cycles, kind: published, source: S }
kernel-paths:
  fork: { value: 60000, unit: cycles, kind: calibrated, source: S }
`;

/** The machine with a cost that contains a trap. */
const containing = (value: number): string =>
  MACHINE.replace(
    "kernel-paths:",
    `  a.b: { value: ${value}, unit: cycles, less: [hardware.trap], kind: published, source: S }\nkernel-paths:`,
  );

describe("a machine", () => {
  test("becomes a profile, and keeps the source of each number", () => {
    const { profile, numbers } = loadMachine(write("m.yaml", MACHINE));
    expect(profile).toEqual({
      name: "m",
      title: "M",
      unit: "cycles",
      kernel: "linux-2.4",
      megahertz: 2400,
      cores: 2,
      pageTable: "ia32",
      tlb: { entries: 64, ways: 4 },
      disk: { positioningUs: 7700, megabytesPerSecond: 60 },
      network: { megabitsPerSecond: 1000, interfaces: 1, packetsPerInterrupt: 1, delayUs: 0 },
      costs: { "hardware.trap": 1093 },
      kernelPaths: { fork: 60_000 },
    });
    expect(numbers).toHaveLength(9);
    expect(numbers.at(-1)).toEqual({
      name: "kernel-paths.fork",
      value: 60_000,
      unit: "cycles",
      source: "S",
      kind: "calibrated",
    });
  });

  test("has an SMP kernel only where the locks are counted and priced", () => {
    const smp = MACHINE.replace("kernel: linux-2.4", "kernel: linux-2.4\nsmp-kernel: true");
    const price = "  hardware.locked-instruction: { value: 120, unit: cycles, kind: published, source: S }\n";
    expect(problems(() => loadMachine(write("m.yaml", smp)))[0]).toContain(
      "smp-kernel: needs costs.hardware.locked-instruction, which is not given",
    );
    const priced = smp.replace("kernel-paths:", `${price}kernel-paths:`);
    expect(loadMachine(write("m.yaml", priced)).profile.smpKernel).toBe(true);
    const other = priced.replace("kernel: linux-2.4", "kernel: linux-6.1");
    expect(problems(() => loadMachine(write("m.yaml", other)))[0]).toContain(
      "smp-kernel: the locks of linux-6.1 are not counted",
    );
  });

  test("says how its network interface interrupts", () => {
    const interrupts = "network-interrupts: { packets: 5, held: 50us, delay: 70us, kind: assumed, source: S }\n";
    const { profile, numbers } = loadMachine(write("m.yaml", MACHINE + interrupts));
    expect(profile.network).toEqual({
      megabitsPerSecond: 1000,
      interfaces: 1,
      packetsPerInterrupt: 5,
      heldUs: 50,
      delayUs: 70,
    });
    const names = numbers.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["network-interrupts.held", "network-interrupts.delay"]));
    const polled = "network-interrupts: { packets: 1, polled: true, kind: assumed, source: S }\n";
    const atOnce = { megabitsPerSecond: 1000, interfaces: 1, packetsPerInterrupt: 1, delayUs: 0 };
    expect(loadMachine(write("m.yaml", MACHINE + polled)).profile.network).toEqual({ ...atOnce, polled: true });
    const not = polled.replace("true", "false");
    expect(loadMachine(write("m.yaml", MACHINE + not)).profile.network).toEqual(atOnce);
    expect(problems(() => loadMachine(write("m.yaml", MACHINE + polled.replace("true", "maybe"))))[0]).toContain(
      'network-interrupts.polled: expected true or false, found "maybe"',
    );
  });

  test("takes over from its base what it does not give, and says so", () => {
    write("base.yaml", MACHINE.replace("name: m", "name: base"));
    const text = MACHINE.replace("title: M", "title: M\nbase: base").replace("hardware.trap", "hardware.interrupt");
    const file = write("m.yaml", text.replace("value: 1093", "value: 7"));
    const { profile, numbers, digest } = loadMachine(file);
    expect(profile.costs).toEqual({ "hardware.trap": 1093, "hardware.interrupt": 7 });
    expect(profile.kernelPaths).toEqual({ fork: 60_000 });
    expect(numbers.filter(({ base }) => base === "base").map(({ name }) => name)).toEqual(["costs.hardware.trap"]);
    write("base.yaml", MACHINE.replace("name: m", "name: base").replace("1093", "1094"));
    expect(loadMachine(file).digest, "it is another machine when its base changes").not.toBe(digest);
  });

  test("may be based on a machine of the package, unless one of that name is beside it", () => {
    const text = MACHINE.replace("title: M", "title: M\nbase: xeon-2.4-sosp03");
    const file = write("m.yaml", text.replace("hardware.trap: { value: 1093", "hardware.interrupt: { value: 7"));
    const packaged = loadMachine("machines/xeon-2.4-sosp03.yaml").profile.costs;
    expect(packaged["xen.validate-entry"]).toBeGreaterThan(0);
    expect(loadMachine(file).profile.costs).toEqual({ ...packaged, "hardware.interrupt": 7 });
    const beside = write("xeon-2.4-sosp03.yaml", MACHINE.replace("name: m", "name: xeon-2.4-sosp03"));
    expect(loadMachine(file).profile.costs).toEqual({ "hardware.trap": 1093, "hardware.interrupt": 7 });
    rmSync(beside);
  });

  test("scales what it takes over, by its base or by the base of that", () => {
    const scale = "base-scale: { value: 0.304, kind: calibrated, source: R }";
    write("first.yaml", MACHINE.replace("name: m", "name: first"));
    const second = MACHINE.replace("name: m", "name: second").replace("title: M", "title: M\nbase: first");
    write("second.yaml", second.replace("hardware.trap: { value: 1093", "hardware.interrupt: { value: 500"));
    const third = MACHINE.replace("title: M", `title: M\nbase: second\n${scale}`).replace("fork", "exit");
    const { profile, numbers } = loadMachine(write("m.yaml", third.replace("hardware.trap", "hardware.exception")));
    // 500 x 0.304 = 152, 60000 x 0.304 = 18240, 1093 x 0.304 = 332.3; its own cost is not scaled.
    expect(profile.costs).toEqual({ "hardware.trap": 332, "hardware.interrupt": 152, "hardware.exception": 1093 });
    expect(profile.kernelPaths).toEqual({ fork: 18_240, exit: 60_000 });
    const bases = numbers.filter(({ base }) => base !== undefined).map(({ name, base }) => `${base} ${name}`);
    expect(bases.sort()).toEqual([
      "first costs.hardware.trap",
      "second costs.hardware.interrupt",
      "second kernel-paths.fork",
    ]);
    expect(numbers).toContainEqual({ name: "base-scale", value: 0.304, unit: "1", source: "R", kind: "calibrated" });
    const baseless = MACHINE.replace("title: M", `title: M\n${scale}`);
    expect(problems(() => loadMachine(write("m.yaml", baseless)))[0]).toContain("needs a base, whose costs it scales");
  });

  test("takes over instructions, if it says how many cycles one takes", () => {
    const counted = MACHINE.replace("name: m", "name: base").replace("title: M", "title: M\nunit: instructions");
    write("base.yaml", counted.replaceAll("unit: cycles", "unit: instructions"));
    const based = (scale: string): string => MACHINE.replace("title: M", `title: M\nbase: base\nbase-scale: ${scale}`);
    const own = based("{ value: 0.5, unit: cycles/instruction, kind: assumed, source: R }").replace("fork", "exit");
    const { profile, numbers } = loadMachine(write("m.yaml", own));
    expect(profile.unit).toBe("cycles");
    expect(profile.kernelPaths).toEqual({ fork: 30_000, exit: 60_000 });
    const taken = numbers.find(({ name }) => name === "kernel-paths.fork");
    expect(taken).toMatchObject({ value: 30_000, unit: "cycles", base: "base" });
    expect(numbers.find(({ name }) => name === "base-scale")?.unit).toBe("cycles/instruction");
    const plain = problems(() => loadMachine(write("m.yaml", based("{ value: 0.5, kind: assumed, source: R }"))));
    expect(plain[0]).toContain('"base" counts instructions of linux-2.4, expected cycles of linux-2.4');
    write("base.yaml", MACHINE.replace("name: m", "name: base"));
    expect(problems(() => loadMachine(write("m.yaml", own)))[0]).toContain(
      '"base" counts cycles of linux-2.4, expected instructions of linux-2.4',
    );
  });

  test("has costs of other machines as they come to there, which stay numbers of those", () => {
    const scale = "base-scale: { value: 0.304, kind: calibrated, source: R }";
    write("first.yaml", MACHINE.replace("name: m", "name: first"));
    const second = MACHINE.replace("name: m", "name: second").replace("title: M", `title: M\nbase: first\n${scale}`);
    write("second.yaml", second.replace("fork", "exit").replace("hardware.trap", "hardware.exception"));
    const own =
      "hardware.trap: { as-on: second, source: R }\n  mine.half: { as: hardware.trap, times: 0.5, source: S }";
    const text = MACHINE.replace(/hardware\.trap: \{.*\}/, own).replace(
      /fork: \{.*\}/,
      "fork: { as-on: first, source: R }",
    );
    const file = write("m.yaml", text);
    const { profile, numbers, digest } = loadMachine(file);
    expect(profile.costs).toEqual({ "hardware.trap": 332, "mine.half": 166 });
    expect(profile.kernelPaths).toEqual({ fork: 60_000 });
    const trap = numbers.find(({ name }) => name === "costs.hardware.trap");
    expect(trap).toMatchObject({ value: 332, base: "first", kind: "published" });
    expect(trap?.source).toBe("as on second (S; times 0.304 (base-scale)): R");
    expect(numbers.find(({ name }) => name === "costs.mine.half")).toMatchObject({ value: 166, kind: "derived" });
    write("first.yaml", MACHINE.replace("name: m", "name: first").replace("1093", "2000"));
    expect(loadMachine(file).profile.costs["hardware.trap"]).toBe(608);
    expect(loadMachine(file).digest, "it is another machine when those change").not.toBe(digest);
  });

  test("with costs of an unsuitable machine is refused", () => {
    const text = MACHINE.replace(/hardware\.trap: \{.*\}/, "hardware.trap: { as-on: other, source: R }");
    const complaint = (other: string): string => {
      write("other.yaml", other);
      return problems(() => loadMachine(write("m.yaml", text)))[0];
    };
    const other = MACHINE.replace("name: m", "name: other");
    expect(complaint(other.replace("hardware.trap", "hardware.exception"))).toContain(
      "costs.hardware.trap.as-on: other has no costs.hardware.trap; expected one of: hardware.exception",
    );
    expect(complaint(other.replace("hardware.trap", "mine.trap"))).toContain(
      "other has no costs.hardware.trap; it has no cost of the group hardware",
    );
    const counted = other
      .replace("title: M", "title: M\nunit: instructions")
      .replaceAll("unit: cycles", "unit: instructions");
    expect(complaint(counted)).toContain('"other" counts instructions, expected a machine that counts cycles');
    expect(complaint(other.replace("title: M", "title: M\nbase: m"))).toContain("expected another one");
    rmSync(join(folder, "other.yaml"));
    expect(problems(() => loadMachine(write("m.yaml", text)))[0]).toContain('there is no machine "other" here');
    const itself = text.replace("as-on: other", "as-on: m");
    expect(problems(() => loadMachine(write("m.yaml", itself)))[0]).toContain(
      '"m" takes costs from this machine itself; expected another one',
    );
  });

  test("with an unsuitable base is refused", () => {
    const based = MACHINE.replace("title: M", "title: M\nbase: base");
    const complaint = (base: string): string => {
      write("base.yaml", base);
      return problems(() => loadMachine(write("m.yaml", based)))[0];
    };
    expect(complaint(based)).toMatch(/m\.yaml:3:7: base: "base" is based on this machine itself; expected another one/);
    expect(complaint(MACHINE.replace("linux-2.4", "linux-6.1"))).toContain(
      '"base" counts cycles of linux-6.1, expected cycles of linux-2.4',
    );
    const missing = MACHINE.replace("title: M", "title: M\nbase: bose");
    expect(problems(() => loadMachine(write("m.yaml", missing)))[0]).toMatch(
      /m\.yaml:3:7: base: there is no machine "bose" here; did you mean "base"\?$/,
    );
  });

  test("has the build of a kernel only with what is known of it", () => {
    const built = MACHINE.replace("kernel: linux-2.4", "kernel: linux-2.4\nkernel-build: rhel-3");
    const [problem] = problems(() => loadMachine(write("m.yaml", built)));
    expect(problem).toContain(
      "kernel-build: rhel-3 is known as linux-2.4 with page-table x86-64 only, not as linux-2.4 with ia32",
    );
    const machine = write("m.yaml", built.replace("page-table: ia32", "page-table: x86-64"));
    expect(loadMachine(machine).profile.kernelBuild).toBe("rhel-3");
    const either = built.replace("rhel-3", "linux-2.6");
    for (const format of ["ia32", "ia32-pae"]) {
      const known = write("m.yaml", either.replace("page-table: ia32", `page-table: ${format}`));
      expect(loadMachine(known).profile).toMatchObject({ kernelBuild: "linux-2.6", pageTable: format });
    }
    const [long] = problems(() =>
      loadMachine(write("m.yaml", either.replace("page-table: ia32", "page-table: x86-64"))),
    );
    expect(long).toContain(
      "linux-2.6 is known as linux-2.4 with page-table ia32 or ia32-pae only, not as linux-2.4 with",
    );
  });

  test("gives costs by rules, in time, and for what its base leaves open", () => {
    const rules = `
  hardware.interrupt: { as: hardware.trap, source: R }
  mine.double: { as: hardware.interrupt, times: 2, source: R }
  mine.part: { part-of: hardware.trap, source: R }
  mine.bus: { value: 333, unit: ns, kind: assumed, source: S }`;
    const given = MACHINE.replace("name: m", "name: base").replace(
      "published, source: S }\nkernel",
      `published, source: S }${rules}\nkernel`,
    );
    const base = loadMachine(write("base.yaml", given));
    // 333 ns at 2400 MHz are 799.2 cycles.
    expect(base.profile.costs).toEqual({
      "hardware.trap": 1093,
      "hardware.interrupt": 1093,
      "mine.double": 2186,
      "mine.part": 0,
      "mine.bus": 799,
    });
    const double = base.numbers.find(({ name }) => name === "costs.mine.double");
    expect(double).toEqual({
      name: "costs.mine.double",
      value: 2186,
      unit: "cycles",
      source: "2 times hardware.interrupt: R",
      kind: "derived",
    });
    const scale = "base: base\nbase-scale: { value: 0.5, kind: assumed, source: S }";
    const own = MACHINE.replace("title: M", `title: M\n${scale}`).replace("1093", "500").replace("2.4GHz", "1GHz");
    const derived = loadMachine(write("m.yaml", own.replace(/^(disk|network): .*\n/gm, "")));
    expect(derived.profile.costs).toEqual({
      "hardware.trap": 500,
      "hardware.interrupt": 500,
      "mine.double": 1000,
      "mine.part": 0,
      "mine.bus": 333,
    });
    expect(derived.profile).toMatchObject({ disk: base.profile.disk, network: base.profile.network });
    expect(derived.numbers.find(({ name }) => name === "disk.rate")).toMatchObject({ base: "base", value: 60 });
  });

  test("may take off what a figure contains, but no more than there is", () => {
    const { profile, numbers } = loadMachine(write("m.yaml", containing(2030)));
    expect(profile.costs["a.b"]).toBe(2030 - 1093);
    expect(numbers.find(({ name }) => name === "costs.a.b")).toMatchObject({
      value: 937,
      kind: "published",
      source: "2030 cycles less hardware.trap: S",
    });
    expect(problems(() => loadMachine(write("bad.yaml", containing(1000))))[0]).toContain(
      "a.b: comes to -93; expected no more",
    );
  });

  test("may describe its second-level cache", () => {
    const cache = "cache: { size: 512KiB, ways: 8, line: 64B, kind: published, source: S }\n";
    const { profile, numbers } = loadMachine(write("cache.yaml", MACHINE.replace("disk:", `${cache}disk:`)));
    expect(profile.cache).toEqual({ bytes: 524_288, ways: 8, lineBytes: 64 });
    expect(numbers).toHaveLength(12);
    const uneven = cache.replace("512KiB", "384KiB");
    const [problem] = problems(() => loadMachine(write("bad.yaml", MACHINE.replace("disk:", `${uneven}disk:`))));
    expect(problem).toContain("cache.size: 393216 bytes in 8 ways of lines of 64 bytes; expected 2^n pages a way");
  });

  const cases: readonly (readonly [string, string, string, string])[] = [
    [
      "a cost without source",
      ", kind: calibrated, source: S",
      ", kind: calibrated",
      'kernel-paths.fork: the key "source" is missing',
    ],
    [
      "a section without source",
      "ways: 4, kind: published, source: S",
      "ways: 4, kind: published",
      'tlb: the key "source" is missing',
    ],
    [
      "another unit",
      "1093, unit: cycles",
      "1093, unit: us",
      'costs.hardware.trap.unit: "us" is not known here; did you mean "ns"?',
    ],
    [
      "a cost in another unit than the machine's",
      "1093, unit: cycles",
      "1093, unit: instructions",
      "costs.hardware.trap.unit: instructions on a machine that counts cycles",
    ],
    [
      "a fraction of a cycle",
      "value: 1093",
      "value: 10.5",
      "costs.hardware.trap.value: expected a whole number, found 10.5",
    ],
    ["a negative cost", "value: 1093", "value: -1", "costs.hardware.trap.value: -1 is too small; expected at least 0"],
    ["a number without unit", "2.4GHz", "2400", "cpu.frequency: 2400 has no unit; did you mean 2400MHz?"],
    ["a wrong page table", "ia32", "ia-32", 'page-table: "ia-32" is not known here; did you mean "ia32"?'],
    [
      "a number of sets that addresses cannot select",
      "entries: 64",
      "entries: 48",
      "expected at most 65536 entries in a power of two of sets",
    ],
    ["uneven ways", "ways: 4", "ways: 5", "tlb.ways: 64 entries cannot be divided into 5 ways"],
    [
      "a rule about a cost that is not given",
      "kernel-paths:",
      "  a.b: { as: hardware.trapp, source: S }\nkernel-paths:",
      'costs.a.b: "hardware.trapp" is not given; expected a cost of this section',
    ],
    [
      "a rule that leads back to itself",
      "kernel-paths:",
      "  a.b: { as: a.b, source: S }\nkernel-paths:",
      'costs.a.b: "a.b" follows from "a.b" itself; expected a number somewhere',
    ],
    [
      "a rule with a misspelt key",
      "kernel-paths:",
      "  a.b: { as: hardware.trap, time: 2, source: S }\nkernel-paths:",
      'unknown key "time"; did you mean "times"?',
    ],
    [
      "neither disk nor base",
      "disk: {",
      "page-walk-cache: { entries: 4, kind: assumed, source: S }\n#",
      "disk: is missing",
    ],
    ["a twofold cost", "kernel-paths:", "  hardware.trap: 5\nkernel-paths:", 'duplicate key "hardware.trap"'],
    ["a wrong cost name", "hardware.trap:", "Hardware Trap:", 'costs: "Hardware Trap" is not a name of a cost'],
  ];
  test.each(cases)("%s is refused", (_title, from, to, expected) => {
    const found = problems(() => loadMachine(write("bad.yaml", MACHINE.replace(from, to))));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/bad\.yaml:\d+:\d+: /);
    expect(found[0]).toContain(expected);
  });

  test("has page-walk caches and a nested TLB if it says so", () => {
    const xeon = readFileSync("machines/xeon-2.4-sosp03.yaml", "utf8");
    const caches = ["page-walk-cache", "nested-tlb"].map(
      (key, i) => `${key}: { entries: ${24 - i}, kind: assumed, source: S }`,
    );
    const { profile, numbers } = loadMachine(write("cached.yaml", `${xeon}\n${caches.join("\n")}\n`));
    expect(profile).toMatchObject({ pageWalkCache: { entries: 24 }, nestedTlb: { entries: 23 } });
    expect(numbers.filter(({ unit }) => unit === "entries").map(({ name }) => name)).toEqual([
      "tlb.entries",
      "instruction-tlb.entries",
      "page-walk-cache.entries",
      "nested-tlb.entries",
    ]);
  });

  test("the one that comes with the project is a 2.4 GHz Xeon", () => {
    expect(loadMachine("machines/xeon-2.4-sosp03.yaml").profile).toMatchObject({ megahertz: 2400, pageTable: "ia32" });
  });
});
