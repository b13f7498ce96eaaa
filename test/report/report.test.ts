import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import * as vega from "vega";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Results } from "../../src/analysis/results.ts";
import { slowdowns } from "../../src/analysis/slowdown.ts";
import { loadAcceptedFigures } from "../../src/analysis/validation/accepted-figures.ts";
import { missesOf } from "../../src/analysis/validation/misses.ts";
import { validationChart } from "../../src/report/charts/validation.ts";
import { escapeHtml } from "../../src/report/html.ts";
import { loadRun } from "../../src/report/load-run.ts";
import { escapeMarkdown } from "../../src/report/markdown.ts";
import { newestOwnResults, newestResults } from "../../src/report/newest-results.ts";
import { writeCharts } from "../../src/report/write-charts.ts";
import { reproduceSection } from "../../src/report/sections/limits-sections.ts";
import { runSection } from "../../src/report/sections/run-section.ts";
import { slowdownSection } from "../../src/report/sections/slowdown-section.ts";
import { writeReport } from "../../src/report/write-report.ts";
import { fixture, monitorFixture, overcommitFixture, vmCountFixture, writeFixture } from "./fixture.ts";

const CHROMIUM = "/usr/bin/chromium";
const EVIL = `<img src=x onerror="alert(1)"> | **bold** \`code\``;
const work = mkdtempSync(join(tmpdir(), "report-test-"));
const folder = (name: string): string => join(work, name);

function withReasons(): Results {
  const { name, cells } = fixture();
  const failed = cells.map((one, index) => (index === 17 ? { ...one, status: "failed" as const, reason: EVIL } : one));
  return { name, cells: failed };
}

beforeAll(async () => {
  writeFixture(folder("full"), withReasons());
  await writeReport(folder("full"), folder("report"));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const read = (name: string): string => readFileSync(join(folder("report"), name), "utf8");

const withoutScripts = (html: string): string => html.replace(/<script[\s\S]*?<\/script>/g, "");

describe("a report", () => {
  it("has a page, text, tables, and every chart in three formats", () => {
    const charts = readdirSync(folder("report/charts"));
    const ids = [
      "cycles",
      "host-memory",
      "memory-sources",
      "operations",
      "overcommit",
      "slowdown",
      "validation",
      "vm-memory",
    ];
    expect(charts.sort()).toEqual(ids.flatMap((id) => [`${id}.png`, `${id}.svg`, `${id}.vl.json`]));
    expect(readdirSync(folder("report")).sort()).toEqual(["charts", "index.html", "report.md", "tables"]);
    for (const chart of charts) expect(statSync(join(folder("report/charts"), chart)).size).toBeGreaterThan(4000);
  });

  it("is the same byte for byte when written again", async () => {
    await writeReport(folder("full"), folder("again"));
    for (const file of readdirSync(folder("report"), { recursive: true, encoding: "utf8" })) {
      if (statSync(join(folder("report"), file)).isDirectory()) continue;
      expect(readFileSync(join(folder("again"), file)).equals(readFileSync(join(folder("report"), file))), file).toBe(
        true,
      );
    }
  });

  it("asks for nothing from elsewhere and lets no foreign script run", () => {
    const html = read("index.html");
    const markup = withoutScripts(html).replace(/ xmlns(:\w+)?="[^"]*"/g, "");
    expect(markup.match(/https?:|<[^>]*\ssrc=|@import|url\((?!#)/)).toBeNull();
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/script-src( 'sha256-[^']+'){4};/);
    expect(html.includes(work)).toBe(false);
  });

  it("escapes what users wrote, in HTML and in Markdown", () => {
    const markup = withoutScripts(read("index.html"));
    expect(markup.includes("<img")).toBe(false);
    expect(markup.includes(escapeHtml(EVIL))).toBe(true);
    const text = read("report.md");
    expect(/(?<!\\)<img/.test(text)).toBe(false);
    expect(text.includes(escapeMarkdown(EVIL))).toBe(true);
  });

  it("sets figures right, below a heading that is right, too, and text left", () => {
    const section = /<section id="slowdown"[\s\S]*?<\/section>/.exec(withoutScripts(read("index.html")))?.[0] ?? "";
    const right = [...section.matchAll(/<th scope="col"( class="n")?>([^<]*)<\/th>/g)].map(([, is, title]) => [
      title,
      is !== undefined,
    ]);
    expect(right).toEqual([
      ["workload", false],
      ["VMM", false],
      ["block", false],
      ["slowdown", true],
      ["95 % interval", true],
      ["streams", true],
      ["verdict", false],
    ]);
    expect(section).toMatch(/<td class="n">4\.\d{4}<\/td><td class="n">4\.\d{4} to 4\.\d{4}<\/td>/);
    expect(read("report.md")).toContain(
      "| workload | VMM | block | slowdown | 95 % interval | streams | verdict |\n| --- | --- | --- | ---: | ---: | ---: | --- |",
    );
  });

  it("shows no slowdown as 1 of which it says that there is one", async () => {
    const [table] = slowdownSection(await loadRun("results/reference")).blocks.filter(
      (block) => block.kind === "table",
    );
    const told = (table?.rows ?? []).filter(([, , , , , , verdict]) => verdict === "slower" || verdict === "faster");
    expect(told.map(([workload]) => workload)).toContain("compute");
    for (const [workload, vmm, , slowdown, interval] of told) {
      const shown = [slowdown, ...String(interval).split(" to ")].map(Number);
      expect(shown, `${vmm} on ${workload}`).not.toContain(1);
    }
  });

  it("describes every picture in words", () => {
    const labels = [...read("index.html").matchAll(/role="img"[^>]*aria-label="([^"]*)"/g)].map((match) => match[1]);
    expect(labels).toHaveLength(8);
    expect(labels[0]).toMatch(/process-churn on esx: 4\.\d\d×/);
  });

  it("says how typical the typical server is, and what could not be run", () => {
    const text = read("report.md");
    expect(text).toMatch(/CPU: stated 6 % .*measured \d\.\d\d %: holds/);
    expect(text).toContain("179 of 180 cells done, 1 failed");
    expect(text).toContain("## What these models leave out");
  });
});

describe("the section on published measurements", () => {
  it("shows every accepted figure, those that miss in red or bold", () => {
    const accepted = loadAcceptedFigures();
    const misses = missesOf(accepted);
    const section = /<section id="validation"[\s\S]*?<\/section>/.exec(withoutScripts(read("index.html")))?.[0] ?? "";
    for (const { id } of accepted.rows) {
      const marked = section.includes(`<tr class="missed"><th scope="row">${id}</th>`);
      expect(marked, id).toBe(misses.has(id));
      expect(section.includes(`<tr><th scope="row">${id}</th>`), id).toBe(!misses.has(id));
      expect(read("report.md").includes(`| **${id}** |`), id).toBe(misses.has(id));
    }
  });

  it("draws every figure that has a positive ratio, and counts the others", () => {
    const chart = JSON.parse(read("charts/validation.vl.json")) as {
      vconcat: { layer: { data: { values: string; format: Parameters<typeof vega.read>[1] } }[] }[];
    };
    const { rows } = loadAcceptedFigures();
    const valued = rows.filter(({ bound }) => bound === undefined);
    const drawable = valued.filter(({ simulated, published }) => published !== 0 && (simulated ?? 0) / published > 0);
    const points = chart.vconcat[0].layer.at(-1)?.data;
    expect(points && vega.read(points.values, points.format)).toHaveLength(drawable.length);
    const bounds = rows.length - valued.length;
    expect(bounds).toBeGreaterThan(0);
    expect(JSON.stringify(chart).replaceAll('","', " ")).toContain(
      `Left out, with a bound instead of a value: ${bounds}.`,
    );
    const zero = { ...rows[0], simulated: 0 };
    const { spec } = validationChart({ ...loadAcceptedFigures(), rows: [rows[0], zero] }) ?? {};
    expect(JSON.stringify(spec).replaceAll('","', " ")).toContain("Left out, without a positive ratio: 1.");
    expect(validationChart({ ...loadAcceptedFigures(), rows: [zero] })).toBeUndefined();
  });
});

describe("tables", () => {
  it("parse back to the figures of the analysis", () => {
    const [header, ...rows] = read("tables/slowdown.csv")
      .trim()
      .split("\n")
      .map((line) => line.split(","));
    const expected = slowdowns(withReasons());
    expect(rows).toHaveLength(expected.length);
    for (const [index, row] of rows.entries()) {
      const of = (name: string): string => row[header.indexOf(name)];
      expect([of("workload"), of("vmm")]).toEqual([expected[index].workload, expected[index].vmm]);
      expect([of("slowdown"), of("ci95_low"), of("ci95_high")].map(Number)).toEqual([
        expected[index].estimate,
        expected[index].low,
        expected[index].high,
      ]);
    }
  });

  it("have as many fields in every row as in the header", () => {
    for (const name of ["cycles.csv", "operations.csv", "overcommit.csv", "utilization.csv"]) {
      const fields = read(`tables/${name}`)
        .trim()
        .split("\n")
        .map((line) => line.replace(/"[^"]*"/g, "x").split(",").length);
      expect(new Set(fields).size, name).toBe(1);
      expect(fields.length, name).toBeGreaterThan(2);
    }
    expect(read("tables/not-done.csv")).toContain(`"${EVIL.replaceAll('"', '""')}"`);
  });
});

describe("a run that asks how many VMs a host holds", () => {
  it("has the answer in summary, section, chart and table", async () => {
    writeFixture(folder("count"), { name: "count", cells: vmCountFixture() });
    await writeReport(folder("count"), folder("count-report"));
    const text = readFileSync(folder("count-report/report.md"), "utf8");
    expect(text.split("## How many VMs a host holds")).toHaveLength(2);
    expect(text.match(/- xen-balloon keeps \d+ VMs of 256 MiB on 2 GiB/g)).toHaveLength(2);
    expect(readdirSync(folder("count-report/charts"))).toContain("vm-count.svg");
    const [header, ...rows] = readFileSync(folder("count-report/tables/vm-count.csv"), "utf8").trim().split("\n");
    // Four strategies, five numbers of VMs.
    expect(rows).toHaveLength(20);
    const column = header.split(",").indexOf("vms");
    expect(new Set(rows.map((row) => row.split(",")[column]))).toEqual(new Set(["4", "8", "12", "14", "18"]));
  });
});

const headings = (text: string): readonly string[] => text.match(/^## .*$/gm) ?? [];

describe("runs that lack something", () => {
  it("leave sections out with a sentence", async () => {
    writeFixture(folder("monitor"), { name: "monitor", cells: monitorFixture([1]) });
    await writeReport(folder("monitor"), folder("monitor-report"));
    const text = readFileSync(folder("monitor-report/report.md"), "utf8");
    expect(text).toContain("Left out: it needs host cells");
    expect(text).toContain("one stream, no interval");
    expect(readdirSync(folder("monitor-report/tables"))).not.toContain("overcommit.csv");
  });

  it("have answers first, in the order of a whole run, and what is left out after all of them", async () => {
    writeFixture(folder("hosts"), { name: "hosts", cells: overcommitFixture([1]) });
    await writeReport(folder("hosts"), folder("hosts-report"));
    const text = readFileSync(folder("hosts-report/report.md"), "utf8");
    const [parts, whole] = [text, read("report.md")].map((one) => one.split(/^(?=## )/m).slice(1));
    const without = parts.map((part) => part.includes("Left out: it needs"));
    const [first, last] = [without.indexOf(true), without.lastIndexOf(true)];
    expect(last - first + 1).toBe(without.filter(Boolean).length);
    expect(without.filter(Boolean).length).toBeGreaterThan(4);
    expect(parts.findIndex((part) => part.startsWith("## How far memory can be overcommitted"))).toBeLessThan(first);
    const shown = headings(text).filter((_, i) => !without[i]);
    expect(shown).toEqual(headings(whole.join("")).filter((heading) => shown.includes(heading)));
  });

  it("are told apart from folders that hold no run", async () => {
    await expect(writeReport(folder("ful"), folder("x"))).rejects.toThrow(/no such folder; did you mean ".*full"/);
    await expect(writeReport(work, folder("x"))).rejects.toThrow("manifest.json");
    expect(existsSync(folder("x"))).toBe(false);
  });

  it("are refused when their cells replayed different work", async () => {
    const { name, cells } = fixture();
    const wrong = cells.map((one, index) => (index === 4 ? { ...one, streamDigest: "0".repeat(64) } : one));
    writeFixture(folder("wrong"), { name, cells: wrong });
    await expect(writeReport(folder("wrong"), folder("x"))).rejects.toThrow("different operation streams");
    await expect(writeCharts(folder("wrong"), "slowdown", folder("x"))).rejects.toThrow("different operation streams");
    expect(existsSync(folder("x"))).toBe(false);
  });
});

it("a run that varies inputs describes a workload and its changed copies once", async () => {
  const run = await loadRun(folder("full"));
  const own = { title: "A server", summary: "It serves.", sha256: "0".repeat(64) };
  const manifest = { ...run.manifest, workloads: { server: own, "./lower.yaml": own, "./higher.yaml": own } };
  const text = JSON.stringify(runSection({ ...run, manifest }));
  expect(text.split("It serves.")).toHaveLength(2);
  expect(text).toContain("server: A server. It serves. With 2 copies that differ in one input.");
});

describe("loading", () => {
  it("puts cells into the order of the matrix", async () => {
    const { results } = await loadRun(folder("full"));
    const written = withReasons().cells;
    expect(results.cells.map((one) => one.key)).toEqual(written.map((one) => one.key));
  });

  it("finds the newest run", async () => {
    utimesSync(folder("full/cells.ndjson"), 2e9, 2e9);
    expect(await newestResults(work)).toBe(folder("full"));
    await expect(newestResults(folder("nowhere"))).rejects.toThrow("no finished run");
  });

  it("takes the run of the package, however new its files, only where there is no other, and never to write its report anew", async () => {
    const finished = (name: string, time: number): void => {
      mkdirSync(folder(`runs/${name}`), { recursive: true });
      writeFileSync(folder(`runs/${name}/cells.ndjson`), "");
      utimesSync(folder(`runs/${name}/cells.ndjson`), time, time);
    };
    finished("reference", 2e9);
    expect(await newestResults(folder("runs"))).toBe(folder("runs/reference"));
    await expect(newestOwnResults(folder("runs"))).rejects.toThrow(
      /runs: no finished run .* vmmbench report .*runs\/reference$/,
    );
    finished("mine", 1e9);
    expect(await newestResults(folder("runs"))).toBe(folder("runs/mine"));
    expect(await newestOwnResults(folder("runs"))).toBe(folder("runs/mine"));
  });
});

describe("single charts", () => {
  it("go into the format that the file's ending says", async () => {
    expect(await writeCharts(folder("full"), "slowdown", folder("one/s.svg"))).toEqual([folder("one/s.svg")]);
    expect(readFileSync(folder("one/s.svg"), "utf8")).toBe(read("charts/slowdown.svg"));
    await writeCharts(folder("full"), "overcommit", folder("one/o.vl.json"));
    expect(JSON.parse(readFileSync(folder("one/o.vl.json"), "utf8"))).toHaveProperty("vconcat");
    expect(await writeCharts(folder("full"), "all", folder("all"))).toHaveLength(21);
  });

  it.each([
    ["slowdwn", "a.svg", 'there is no chart "slowdwn"; did you mean "slowdown"?'],
    ["slowdown", "a.jpeg", "expected .svg, .png, .vl.json or a folder"],
    ["all", "a.png", "one file cannot hold 7 charts"],
  ])("%s into %s is refused in one sentence", async (name, file, sentence) => {
    await expect(writeCharts(folder("full"), name, folder(file))).rejects.toThrow(sentence);
    expect(existsSync(folder(file))).toBe(false);
  });

  it("are found by their id, and the plain name means the plain chart", async () => {
    const { name, cells } = fixture();
    const other = overcommitFixture([1]).map((one) => ({
      ...one,
      // No key of a cell of the other block.
      key: one.key.split("").toReversed().join(""),
      spec: { ...one.spec, block: "consolidation" },
    }));
    writeFixture(folder("two"), { name, cells: [...cells, ...other] });
    await writeCharts(folder("two"), "overcommit", folder("two/plain.vl.json"));
    await writeCharts(folder("two"), "overcommit-consolidation", folder("two/other.vl.json"));
    expect(readFileSync(folder("two/plain.vl.json"), "utf8")).toContain("n = 3 seeds");
    expect(readFileSync(folder("two/other.vl.json"), "utf8")).toContain("one seed");
    const several = writeCharts(folder("two"), "memory-sources", folder("two/m.svg"));
    await expect(several).rejects.toThrow("name one of memory-sources-overcommit, memory-sources-consolidation");
  });

  it("say what they need when there is nothing to draw", async () => {
    writeFixture(folder("bare"), {
      name: "bare",
      cells: monitorFixture([1]).filter(({ spec }) => spec.vmm.base === "native"),
    });
    await expect(writeCharts(folder("bare"), "overcommit", folder("o.svg"))).rejects.toThrow("it needs host cells");
  });
});

describe.skipIf(!existsSync(CHROMIUM))("in a browser without network (skipped when Chromium is absent)", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  });
  afterAll(() => browser.close());

  it("draws every chart with no request and no complaint", async () => {
    const page = await browser.newPage({ offline: true });
    const requests: string[] = [];
    const complaints: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`file://${folder("report/index.html")}`);
    await page.waitForSelector("html[data-ready]", { timeout: 30_000 });
    expect(complaints).toEqual([]);
    expect(requests).toHaveLength(1);
    expect(await page.locator("figure[data-live] svg").count()).toBe(8);
  });

  it("shows whole charts in a narrow window", async () => {
    const page = await browser.newPage({ offline: true, viewport: { width: 700, height: 900 } });
    await page.goto(`file://${folder("report/index.html")}`);
    await page.waitForSelector("html[data-ready]", { timeout: 30_000 });
    const hidden = await page
      .locator(".picture")
      .evaluateAll((all: { scrollWidth: number; clientWidth: number }[]) =>
        all.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth),
      );
    expect(hidden).toHaveLength(8);
    expect(Math.max(...hidden)).toBeLessThanOrEqual(0);
  });

  it("is legible in the light and in the dark", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await browser.newPage({ offline: true, colorScheme, javaScriptEnabled: false });
      await page.goto(`file://${folder("report/index.html")}`);
      // The pictures are there without JavaScript, too.
      expect(await page.locator("figure svg").count()).toBe(8);
      const [ink, ground] = await Promise.all(
        ["color", "background-color"].map((property) => page.locator("body").evaluate(styleOf, property)),
      );
      expect(contrast(ink, ground), colorScheme).toBeGreaterThan(7);
    }
  });
});

interface Styled {
  readonly computedStyleMap: () => { get(property: string): unknown };
}

/** Runs in the page. */
function styleOf(element: unknown, property: string): string {
  return String((element as Styled).computedStyleMap().get(property));
}

/** Contrast ratio of two `rgb()` colours (WCAG 2.1). */
function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = (colour.match(/\d+/g) ?? []).map((channel) => {
    const share = Number(channel) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

it("a run of a shipped matrix that the command overcommit has changed is repeated from what the results hold", async () => {
  const run = await loadRun(folder("full"));
  const text = readFileSync("experiments/overcommit.yaml", "utf8");
  const of = (matrix: string): string => {
    const manifest = { ...run.manifest, matrix: { ...run.manifest.matrix, file: "overcommit.yaml", text: matrix } };
    return JSON.stringify(reproduceSection({ ...run, manifest }));
  };
  expect(of(text)).toContain("npx vmmbench run overcommit --out results/full");
  const changed = of(text.replace("vms: [8]", "vms: [4]"));
  expect(changed).toContain("manifest.json').matrix.text\\\" > experiments/full.yaml");
  expect(changed).toContain("npx vmmbench run experiments/full.yaml --out results/full-again");
});
