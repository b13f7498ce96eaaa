import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
/** Inside the clone, where the example's `import ... from "vmmbench"` finds the package. */
const folder = mkdtempSync(join(root, ".readme-"));
afterAll(() => rmSync(folder, { recursive: true }));

const block = (language: string, begin = ""): string => {
  const [, text] = new RegExp(`\`\`\`${language}\\n(${begin}[\\s\\S]*?)\`\`\``).exec(readme) ?? [];
  return text ?? "";
};
const vmmbench = (...words: string[]): string =>
  execFileSync(process.execPath, [join(root, "bin/vmmbench.js"), ...words], { cwd: folder, encoding: "utf8" });

it("has an example of a new VMM that runs as printed, in under 40 lines", () => {
  const example = block("js");
  expect(example.trim().split("\n").length).toBeLessThan(40);
  writeFileSync(join(folder, "xen-equal.js"), example);
  const blocks = "[{ name: b, vmms: [./xen-equal.js], workloads: [idle-debian], vms: [2], overcommit: [1, 2] }]";
  writeFileSync(join(folder, "mine.yaml"), `name: mine\nmachines: [xeon-2.4-sosp03]\nseeds: [1]\nblocks: ${blocks}\n`);
  vmmbench("run", "mine.yaml", "--out", "out", "--no-report", "--quiet");
  const cells = readFileSync(join(folder, "out/cells.ndjson"), "utf8").trim().split("\n");
  const results = cells.map((line) => JSON.parse(line) as { status: string; metrics: Record<string, number> });
  expect(results.map(({ status }) => status)).toEqual(["done", "done"]);
  // Half of the memory, 6 % kept free: both VMs run all the same, and the balloons hold what is missing.
  const tight = results.find(({ metrics }) => metrics.host_memory_mib < 300);
  expect(tight?.metrics.vms_admitted).toBe(2);
  expect(tight?.metrics.memory_ballooned_mib).toBeGreaterThan(200);
});

it("has an example of a new VMM that also starts a VM while others run", () => {
  writeFileSync(join(folder, "xen-equal.js"), block("js"));
  const settings = "settings: [{ vms: 2, start: 20s }]";
  const blocks = `[{ name: b, vmms: [./xen-equal.js], workloads: [idle-debian], vms: [3], overcommit: [1.5], ${settings} }]`;
  writeFileSync(join(folder, "late.yaml"), `name: late\nmachines: [xeon-2.4-sosp03]\nseeds: [1]\nblocks: ${blocks}\n`);
  vmmbench("run", "late.yaml", "--out", "late", "--no-report", "--quiet");
  const { status, metrics } = JSON.parse(readFileSync(join(folder, "late/cells.ndjson"), "utf8")) as {
    status: string;
    metrics: Record<string, number>;
  };
  expect([status, metrics.vms_admitted]).toEqual(["done", 3]);
});

it("shows the steps of a page fault as they are printed, with the sums so far left out", () => {
  const printed = vmmbench("explain", "page-fault", "--vmm", "native,esx").split("\n");
  const steps = block("text", "cycles ").trimEnd().split("\n");
  expect(steps.length).toBeGreaterThan(15);
  const first = printed.findIndex((line) => line.startsWith(steps[0]));
  expect(printed.slice(first, first + steps.length).map((line) => line.slice(0, steps[0].length).trimEnd())).toEqual(
    steps,
  );
  const why = block("text", "Why on ").trimEnd().split("\n");
  expect(why.length).toBeGreaterThan(1);
  const at = printed.indexOf(why[0]);
  expect(printed.slice(at, at + why.length)).toEqual(why);
});

it("shows what a booted and a ballooned guest count as it is printed", () => {
  const table = block("text", "192 MiB");
  expect(table.trimEnd().split("\n").length).toBe(11);
  expect(vmmbench("memory", "balloon", "192")).toContain(table);
});

it("has an example of a matrix that is valid as printed", () => {
  writeFileSync(join(folder, "sharing.yaml"), block("yaml"));
  expect(vmmbench("check", "sharing.yaml")).toContain("sharing.yaml: ");
});

it("has an example of a policy that runs as printed", () => {
  writeFileSync(join(folder, "quarter.js"), block("javascript"));
  const vmms = "[{ xen-pv: { allocation: ./quarter.js } }]";
  const blocks = `[{ name: b, vmms: ${vmms}, workloads: [idle-debian], vms: [2], overcommit: [0.9] }]`;
  writeFileSync(join(folder, "policy.yaml"), `name: p\nmachines: [xeon-2.4-sosp03]\nseeds: [1]\nblocks: ${blocks}\n`);
  vmmbench("run", "policy.yaml", "--out", "policy", "--no-report", "--quiet");
  const cells = readFileSync(join(folder, "policy/cells.ndjson"), "utf8").trim().split("\n");
  const results = cells.map((line) => JSON.parse(line) as { status: string; metrics: Record<string, number> });
  expect(results.map(({ status }) => status)).toEqual(["done"]);
  // Idle guests of 256 MiB have far more than a quarter free, and give it up.
  expect(results[0].metrics.memory_ballooned_mib).toBeGreaterThan(100);
});

it("has examples of a workload and a machine that run as printed", () => {
  writeFileSync(join(folder, "mail-server.yaml"), block("yaml", "name: mail-server"));
  writeFileSync(join(folder, "my-host.yaml"), block("yaml", "name: my-host"));
  const vmms = "[xen-pv, { xen-pv: { memory.satori: on } }]";
  const blocks = `[{ name: b, vmms: ${vmms}, workloads: [./mail-server.yaml], vms: [2], overcommit: [1] }]`;
  writeFileSync(join(folder, "own.yaml"), `name: own\nmachines: [./my-host.yaml]\nseeds: [1]\nblocks: ${blocks}\n`);
  vmmbench("run", "own.yaml", "--out", "own", "--no-report", "--quiet");
  const cells = readFileSync(join(folder, "own/cells.ndjson"), "utf8").trim().split("\n");
  const results = cells.map((line) => JSON.parse(line) as { status: string; metrics: Record<string, number> });
  expect(results.map(({ status }) => status)).toEqual(["done", "done"]);
  // The second guest's copy of the image, 60 MiB, is all that can be saved: by Satori, and by nothing without it.
  const [least, most] = results.map(({ metrics }) => metrics.memory_shared_saved_mib).sort((a, b) => a - b);
  expect(least).toBe(0);
  expect(most).toBeGreaterThan(5);
  expect(most).toBeLessThanOrEqual(60);
});

it("has an example of a machine with 32-bit guests, on which translated code alone meets the end of its segments", () => {
  writeFileSync(join(folder, "p4-ia32.yaml"), block("yaml", "name: p4-ia32"));
  const [, command] = /`npx vmmbench (operations --machine \.\/p4-ia32[^`]*)`/.exec(readme) ?? [];
  const [header, ...rows] = vmmbench(...command.split(" "))
    .split("\n\n")[1]
    .split("\n");
  const vmms = header.split(/ {2,}/).slice(1);
  const events = rows.filter((row) => row.startsWith("segment-limit."));
  expect(vmms).toEqual(["native", "xen-pv", "esx-3", "xen-hvm"]);
  expect(events.map((row) => row.split(/ {2,}/))).toEqual([["segment-limit.callout", "0", "0", "1", "0"]]);
  // 4 GiB less 64 MiB is page 0xfc000; 15 pages below it, as on other VMMs 15 below 0x100000 (fixmap.h, see high-memory.test.ts).
  const [, explained] = /`npx vmmbench (explain [^`]*p4-ia32[^`]*)`/.exec(readme) ?? [];
  const copies = vmmbench(...explained.split(" ")).match(/at an address of its own \(page 0x[0-9a-f]+/g);
  expect(copies).toEqual(["at an address of its own (page 0xfbff1"]);
});

/** Of each operation of a command for bare metal and Xen. */
function hypercalls(words: string): string[][] {
  const [costs, ...events] = vmmbench(...words.split(/\s+/)).split("\n\n");
  expect(costs.split("\n")[0].split(/ {2,}/).slice(1)).toEqual(["native", "xen-pv"]);
  return events.map(
    (table) =>
      table
        .split("\n")
        .find((row) => row.startsWith("vmm.hypercall"))
        ?.split(/ {2,}/) ?? [],
  );
}

it("has an example of a machine with PAE, on which a guest of 800 MiB has high memory on Xen alone", () => {
  writeFileSync(join(folder, "p4-ia32.yaml"), block("yaml", "name: p4-ia32"));
  writeFileSync(join(folder, "p4-pae.yaml"), block("yaml", "name: p4-pae"));
  const [, command] = /`npx vmmbench (operations --machine \.\/p4-pae[^`]*)`/.exec(readme) ?? [];
  // To map the page and to forget it, as in high-memory.test.ts.
  const two = ["vmm.hypercall", "0", "2"];
  expect(hypercalls(command)).toEqual([two, two]);
  expect(hypercalls(command.replace("p4-pae", "p4-ia32"))).toEqual([two, []]);
});
