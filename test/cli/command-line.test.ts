import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { commandLine } from "../../src/cli/command-line.ts";
import { catalogue } from "../../src/experiment/catalogue.ts";
import { ROOT, vmmbench } from "./vmmbench.ts";

const COMMANDS = [
  "run",
  "operations",
  "explain",
  "chart",
  "report",
  "overcommit",
  "memory",
  "trace",
  "list",
  "check",
  "validate",
];

/** Parses and validates like the command, and stops before anything is done. */
async function parse(words: readonly string[]): Promise<void> {
  const stop = new Error("parsed");
  const parser = commandLine(words).middleware(() => {
    throw stop;
  });
  try {
    await parser.parseAsync();
  } catch (error) {
    if (error === stop) return;
    throw error;
  }
  throw new Error("it has been carried out");
}

describe("the command line", () => {
  const sources = readdirSync(join(ROOT, "src/cli")).map((file) => readFileSync(join(ROOT, "src/cli", file), "utf8"));
  const examples = sources.flatMap((text) =>
    [...text.matchAll(/\.example\(\s*"\$0 ([^"]+)"/g)].map(([, words]) => words),
  );

  it("has two examples or more for every command", () => {
    for (const command of COMMANDS)
      expect(examples.filter((words) => words.split(" ")[0] === command).length, command).toBeGreaterThan(1);
  });

  for (const example of examples) {
    it(`takes the example: ${example}`, () => parse(example.split(" ")));
  }

  for (const name of catalogue("experiments")) {
    it(`takes the matrix by name: ${name}`, () => parse(["run", name]));
  }

  it("takes options that may be repeated", () =>
    parse(["overcommit", "--policy", "xl", "--policy", "mom", "--strategy", "esx", "--strategy", "xen-balloon"]));

  it("takes switches that are written out", () => parse(["run", "--resume=true", "--quiet=false", "--no-report"]));

  const wrong: readonly [string[], string][] = [
    [[], "expected a command"],
    [["rnu"], 'unknown command "rnu"; did you mean "run"?'],
    [["run", "--wrokers", "2"], "Unknown argument: wrokers; did you mean --workers?"],
    [["overcommit", "--host-memry", "2GiB"], "Unknown argument: host-memry; did you mean --host-memory?"],
    [["overcommit", "--host-memry", "2GiB", "--wrokers", "2"], "Unknown arguments: host-memry, wrokers; did you mean"],
    [["xyzzy"], 'unknown command "xyzzy"; expected one of: chart, check, completion, explain, list'],
    [["run", "a", "b"], 'unexpected "b"; expected vmmbench run [matrix]'],
    [["run", "--out"], "--out has no value"],
    [["run", "smoke", "--out", ""], "--out has no value"],
    [["report", "--out="], "--out has no value"],
    [["explain"], "<operation> is missing; expected vmmbench explain <operation>"],
    [["trace", "convert", "a"], "<out> is missing; expected vmmbench trace convert <file> <out>"],
    [["trace", "xyzzy", "a"], 'unknown command "xyzzy"; expected one of: convert, replay, stats'],
    [["memory", "xyzzy"], 'unknown command "xyzzy"; expected one of: balloon, sharing'],
    [["validate", "xen03"], 'unexpected "xen03"; expected vmmbench validate'],
    [["list", "vms"], 'unknown "vms"; did you mean "vmms"?'],
    [
      ["list", "xyzzyxyz"],
      'unknown "xyzzyxyz"; expected one of: experiments, machines, operations, parts, vmms, workloads',
    ],
    [["memory", "sharng", "a.fp"], 'unknown command "sharng"; did you mean "sharing"?'],
    [["trace", "stat", "a.lackey"], 'unknown command "stat"; did you mean "stats"?'],
    [["memory"], "expected a subcommand: sharing or balloon"],
    [["completion", "fish"], 'unexpected "fish": completion takes no argument; its script is for bash or zsh'],
    [["run", "--resume=maybe"], '"maybe" is no value for the switch --resume; expected --resume or --no-resume'],
    [["run", "a", "--out", "b", "--out", "c"], "--out is given 2 times; expected once"],
    [["operations", "--vmm"], "--vmm has no value"],
    [["operations", "--only=", "--events"], "--only has no value"],
    [["overcommit", "--vms", "2", "--vms", "4"], "--vms is given 2 times; expected once"],
    [["--workers", "2", "foo"], 'found "--workers" before any command; expected the command first'],
    [["--quiet", "list"], 'found "--quiet" before any command; expected the command first'],
    [["trace", "--machine", "2", "stat"], 'unknown command "stat"; did you mean "stats"?'],
    [["run", "--resume="], '"" is no value for the switch --resume'],
  ];
  for (const [words, expected] of wrong) {
    it(`is told what is wrong with: ${words.join(" ")}`, async () => {
      await expect(parse(words)).rejects.toThrow(expected);
    });
  }

  const refused: readonly [string[], string][] = [
    [["overcommit", "--vmm", "kvm"], "--vmm is the VMM under the policies; expected --policy with it"],
    [["overcommit", "--precision", "0.1"], "--precision is that of a search; expected --search with it"],
    [["overcommit", "--search", "vms"], "expected --host-memory, as in --host-memory 64GiB"],
    [["overcommit", "--host-memory", "2GiB"], "expected --search vms with it"],
    [["overcommit", "--search", "vm", "--host-memory", "2GiB"], 'there is no search for "vm"; did you mean "vms"?'],
    [
      ["overcommit", "--search", "vms", "--host-memory", "2G"],
      '--host-memory: "2G" has the unknown unit "G"; did you mean',
    ],
    [
      ["overcommit", "--search", "vms", "--host-memory", "64MiB"],
      "--host-memory: one VM of typical-server has 256 MiB",
    ],
    [["overcommit", "--search", "vms", "--host-memory", "2GiB", "--ratios", "1,2"], "--ratios: with --search vms,"],
    [["overcommit", "--search", "vms", "--host-memory", "2GiB", "--sensitivity"], "--sensitivity is about the highest"],
    [
      ["overcommit", "--search", "vms", "--host-memory", "2GiB", "--precision", "0.1"],
      "--precision is that of a ratio",
    ],
    [["overcommit", "--ratios", "1"], "--ratios: expected two ratios or more"],
    [
      ["overcommit", "--ratios", "2,3"],
      "--ratios: the lowest is 2; expected one of 1 or less (0.9, say) besides, with room for all VMs",
    ],
    [["overcommit", "--strategy", "esx,xen-ballon"], 'no strategy "xen-ballon"; did you mean "xen-balloon"?'],
    [
      ["overcommit", "--workload", "typical-server,file-server"],
      "expected typical-server:6,file-server:2 for different work on one host, or --workload typical-server " +
        "--workload file-server for a comparison each",
    ],
    [["overcommit", "--policy", "squezed"], '--policy: there is no policy "squezed"; did you mean "squeezed"?'],
    [["overcommit", "--search", "--precision", "0"], '--precision: expected a number from 0.01 to 1; found "0"'],
  ];
  for (const [words, expected] of refused) {
    it(`begins nothing with: ${words.join(" ")}`, async () => {
      await expect(commandLine(words).parseAsync()).rejects.toThrow(expected);
    });
  }
});

/** What the shell would offer next. */
const complete = async (...words: string[]): Promise<string[]> =>
  (await vmmbench(["--get-yargs-completions", "vmmbench", ...words])).stdout
    .split("\n")
    .map((line) => line.split(":")[0]);

describe("the command", () => {
  it("ends with 2 and one line on bad usage", async () => {
    const { code, stdout, stderr } = await vmmbench(["run", "--wrokers", "2"]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toBe("Unknown argument: wrokers; did you mean --workers?; see vmmbench --help\n");
  });

  it("says in a clone that nobody has built what to do first", () => {
    const clone = mkdtempSync(join(tmpdir(), "clone-"));
    cpSync(join(ROOT, "bin"), join(clone, "bin"), { recursive: true });
    cpSync(join(ROOT, "package.json"), join(clone, "package.json"));
    const { status, stderr } = spawnSync(process.execPath, [join(clone, "bin/vmmbench.js"), "list"], {
      encoding: "utf8",
    });
    rmSync(clone, { recursive: true });
    expect([status, stderr]).toEqual([
      2,
      "vmmbench is not built yet; expected npm ci && npm run build in its folder first\n",
    ]);
  });

  it("ends with 2 on a switch with a value that is neither true nor false, and on a shell it does not know", async () => {
    for (const words of [
      ["run", "--resume=maybe"],
      ["completion", "fish"],
    ]) {
      const { code, stdout, stderr } = await vmmbench(words);
      expect([code, stdout, stderr.split("\n").length]).toEqual([2, "", 2]);
    }
  });

  it("shows its help, with every command, and its version", async () => {
    const help = await vmmbench(["--help"]);
    expect(help.code).toBe(0);
    for (const command of COMMANDS) expect(help.stdout).toContain(`vmmbench ${command}`);
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
    expect((await vmmbench(["--version"])).stdout).toBe(`${version}\n`);
  });

  it("completes commands, options, matrices and charts", async () => {
    const script = await vmmbench(["completion"]);
    expect(script.stdout).toContain("vmmbench --get-yargs-completions");
    expect(await complete("")).toEqual(expect.arrayContaining(COMMANDS));
    expect(await complete("run", "--")).toEqual(expect.arrayContaining(["--workers", "--resume", "--out"]));
    expect(await complete("run", "")).toEqual(expect.arrayContaining(["smoke", "default"]));
    expect(await complete("chart", "")).toEqual(expect.arrayContaining(["slowdown", "all"]));
  });

  it("lists what the operations of all machines are, on request", async () => {
    const { stdout } = await vmmbench(["list", "operations", "--json"]);
    const { operations } = JSON.parse(stdout) as { operations: { name: string; title: string; machines: string[] }[] };
    const named = Object.fromEntries(operations.map((one) => [one.name, one]));
    expect(operations).toHaveLength(Object.keys(named).length);
    // lmbench's fork under Linux 2.4, and that of the kernel whose paths were counted.
    expect(named["fork-proc"].machines).toContain("xeon-2.4-sosp03");
    expect(named.fork_exit.machines).toEqual(["linux-6.1-icount", "x86-64-server"]);
    const on = await vmmbench(["operations", "--machine", "linux-6.1-icount", "--vmm", "native", "--json"]);
    const measured = Object.keys((JSON.parse(on.stdout) as { operations: object }).operations);
    for (const name of measured) expect(named[name].machines).toContain("linux-6.1-icount");
    const { code, stdout: text } = await vmmbench(["list", "operations"]);
    expect(code).toBe(0);
    for (const { title } of operations) expect(text).toContain(title);
  });

  it("lists everything, also as JSON", async () => {
    const { stdout } = await vmmbench(["list", "--json"]);
    const lists = JSON.parse(stdout) as Record<string, { name: string }[]>;
    expect(Object.keys(lists)).toEqual(["vmms", "parts", "workloads", "machines", "experiments"]);
    expect(lists.workloads.map(({ name }) => name)).toEqual(catalogue("workloads"));
    expect(lists.vmms.map(({ name }) => name)).toContain("native");
    const text = await vmmbench(["list"]);
    for (const { name } of Object.values(lists).flat()) expect(text.stdout).toContain(name);
  });
});
