import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { chartIds, logarithmicTicks, panelOf } from "../../src/report/charts/chart.ts";
import { requireChartName } from "../../src/report/write-charts.ts";
import { CHART_KINDS } from "../../src/report/charts/kinds.ts";
import { CHART_NAMES } from "../../src/cli/chart.ts";
import { vmmStyles } from "../../src/report/colours.ts";
import { compileStrictly, renderChart, renderPng, renderSvg } from "../../src/report/render-chart.ts";
import { textWidth } from "../../src/report/text-width.ts";
import { wrapText } from "../../src/report/wrap-text.ts";
import {
  cell,
  fixture,
  isolationFixture,
  monitorFixture,
  overcommitFixture,
  variedFixture,
  vmCountFixture,
} from "./fixture.ts";

/** With hosts of given memory, hosts on which single VMs misbehave, and inputs that were varied. */
const fullRun = () => {
  const varied = variedFixture();
  const cells = [...fixture().cells, ...vmCountFixture(), ...isolationFixture(), ...varied.cells];
  return { ...fixture(), ...varied, cells };
};
const charts = CHART_KINDS.flatMap((kind) => kind.draw(fullRun()));

describe("charts", () => {
  it("are all drawn from a full run, and listed by the command line", () => {
    expect(charts.map((chart) => chart.id)).toEqual(CHART_KINDS.map((kind) => kind.name));
    expect([...CHART_NAMES]).toEqual(CHART_KINDS.map((kind) => kind.name));
  });

  it.each(charts)("$id compiles without a warning and says what it shows", async (chart) => {
    expect(() => compileStrictly(chart.spec)).not.toThrow();
    expect(chart.description.length).toBeGreaterThan(chart.title.length);
    const svg = await renderSvg(chart.spec);
    const text = [...svg.matchAll(/<(?:text|tspan)[^>]*>([^<]*)/g)].map((match) => match[1]).join(" ");
    for (const word of chart.title.split(" ").slice(0, 3)) expect(text).toContain(word);
    expect(text).toContain("Source: vmmbench, results fixture");
    expect(text).toContain("seed");
    expect(text).not.toContain("…");
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it.each(charts)("$id is the same byte for byte when drawn again", async (chart) => {
    const again = CHART_KINDS.flatMap((kind) => kind.draw(fullRun())).find(({ id }) => id === chart.id);
    expect(again).toBeDefined();
    if (again === undefined) return;
    expect(await renderSvg(again.spec)).toBe(await renderSvg(chart.spec));
    expect(JSON.stringify(again)).toBe(JSON.stringify(chart));
  });

  it("stack what is kept for the swap device of a VM on top of what it is configured with, where anything is", () => {
    const columns = ["time_s", "host_state", "vm", "configured_mib"];
    const more = ["private_mib", "ballooned_mib", "target_mib", "active_mib", "frontswap_mib"];
    const drawn = (kept: number): string => {
      const rows = [0, 1].map((time) => [time, "", 0, 100, 70, 30, 70, 50, kept]);
      const spec = { ...overcommitFixture([1])[0].spec, overcommit: 2 };
      const one = { ...overcommitFixture([1])[0], spec, timeline: { columns: [...columns, ...more], rows } };
      const [chart] =
        CHART_KINDS.find(({ name }) => name === "vm-memory")?.draw({ name: "fixture", cells: [one] }) ?? [];
      expect(() => compileStrictly(chart.spec)).not.toThrow();
      return `${chart.description} ${JSON.stringify(chart.spec)}`;
    };
    expect(drawn(20)).toContain("kept for its swap device, besides 20 MiB");
    expect(drawn(20)).toContain('"in the balloon":30,"kept for its swap device, besides":20');
    expect(drawn(20)).toContain(", and on top frames");
    expect(drawn(0)).not.toContain("swap device");
  });

  it.each([
    { seeds: [1, 2, 3], told: true },
    { seeds: [1], told: false },
  ])("speak of confidence intervals where $seeds.length seeds give some", ({ seeds, told }) => {
    const cells = [...monitorFixture(seeds), ...overcommitFixture(seeds), ...isolationFixture(seeds)];
    for (const name of ["slowdown", "overcommit", "isolation"]) {
      const [chart] = CHART_KINDS.find((kind) => kind.name === name)?.draw({ name: "fixture", cells }) ?? [];
      expect(JSON.stringify(chart.spec).includes("confidence interval"), name).toBe(told);
    }
  });

  it("label no ratio over another, however many a search has measured", async () => {
    const [one] = overcommitFixture([1]);
    const ratios = Array.from({ length: 30 }, (_, i) => 1 + i / 20);
    const cells = ratios.map((overcommit) => ({ ...one, spec: { ...one.spec, overcommit } }));
    const [chart] = CHART_KINDS.find(({ name }) => name === "memory-sources")?.draw({ name: "fixture", cells }) ?? [];
    const texts = (await renderSvg(chart.spec)).matchAll(/<text [^>]*translate\(([\d.]+),[^>]*>([\d.]+)</g);
    const shown = [...texts].filter(([tag]) => !tag.includes('opacity="0"'));
    const labels = shown.filter(([, , text]) => ratios.includes(Number(text)));
    expect(labels.length).toBeGreaterThan(2);
    const ends = labels.map(([, x, text]) =>
      [-1, 1].map((side) => Number(x) + (side * textWidth(text, 10, false)) / 2),
    );
    for (const [i, [start]] of ends.entries()) if (i > 0) expect(start).toBeGreaterThan(ends[i - 1][1]);
  });

  it("draw the memory of VMs at the highest ratio at which one started, and nothing where none did", () => {
    const columns = ["time_s", "host_state", "vm", "configured_mib", "private_mib"];
    const [one] = overcommitFixture([1]);
    const at = (overcommit: number, rows: readonly (readonly (number | string)[])[]) => ({
      ...one,
      spec: { ...one.spec, overcommit },
      timeline: { columns, rows },
    });
    const drawn = (...cells: readonly ReturnType<typeof at>[]): string[] =>
      (CHART_KINDS.find(({ name }) => name === "vm-memory")?.draw({ name: "fixture", cells }) ?? []).map(
        ({ title }) => title,
      );
    expect(drawn(at(1, [[0, "", 0, 100, 70]]), at(2, []))).toEqual([
      `Memory of each VM under ${one.spec.vmm.label} at overcommit 1`,
    ]);
    expect(drawn(at(2, []))).toEqual([]);
  });

  it("stack the memory of all hosts alike where only one keeps pages of swap devices", () => {
    const run = fixture();
    const cells = run.cells.map((one) => {
      const { series, spec } = one;
      if (series === undefined || spec.vmm.label !== "esx") return one;
      const columns = [...series.columns, "memory_frontswap_mib"];
      return { ...one, series: { columns, rows: series.rows.map((row) => [...row, 100]) } };
    });
    const valuesOf = (results: typeof run): readonly Record<string, unknown>[] => {
      const drawn = CHART_KINDS.find(({ name }) => name === "host-memory")?.draw(results) ?? [];
      const found: Record<string, unknown>[] = [];
      JSON.stringify(drawn, (key, value: unknown) => {
        if (key === "values" && Array.isArray(value)) found.push(...(value as Record<string, unknown>[]));
        return value;
      });
      return found.filter((moment) => "time" in moment);
    };
    const title = "kept for swap devices";
    const values = valuesOf({ ...run, cells });
    const kept = new Set(values.map((moment) => `${String(moment.VMM)}: ${String(moment[title])}`));
    expect(values.length).toBeGreaterThan(100);
    expect(kept).toContain("esx: 100");
    expect([...kept].filter((one) => !one.startsWith("esx: ")).every((one) => one.endsWith(": 0"))).toBe(true);
    expect(valuesOf(run).some((moment) => title in moment)).toBe(false);
  });

  it("of hosts call a workload by its file, wherever that is", () => {
    const run = fullRun();
    const hosts = run.cells.filter(({ spec }) => spec.vms !== undefined);
    const cells = hosts.map((one) => ({
      ...one,
      spec: { ...one.spec, workload: `../mine/${one.spec.workload}.yaml` },
    }));
    const drawn = CHART_KINDS.flatMap((kind) => kind.draw({ ...run, cells }));
    expect(drawn.length).toBeGreaterThan(5);
    const ofPaths = drawn.filter((chart) => JSON.stringify(chart).includes("../mine/"));
    expect(ofPaths.map(({ id }) => id)).toEqual([]);
  });

  it("refuse a specification that Vega-Lite complains about", () => {
    const wrong = {
      data: { values: [{ a: 1 }] },
      mark: "bar",
      encoding: { x: { field: "a", type: "quantitative", axis: 5 }, theta3: {} },
    };
    expect(() => compileStrictly(wrong as never)).toThrow("not as it should be");
  });

  it("are known by name before there are results", () => {
    for (const name of ["all", "overcommit-consolidation", ...CHART_NAMES]) {
      expect(() => requireChartName(name)).not.toThrow();
    }
    expect(() => requireChartName("slowdwn")).toThrow('there is no chart "slowdwn"; did you mean "slowdown"?');
    expect(() => requireChartName("xyzzyxyzzy")).toThrow(/^there is no chart "xyzzyxyzzy"; expected one of: /);
  });

  it("have nothing to draw without cells, and say what they need", () => {
    for (const kind of CHART_KINDS) {
      expect(kind.draw({ name: "empty", cells: [] })).toEqual([]);
      expect(kind.needs).toContain("cells");
    }
  });

  it("do without what is missing: intervals with one seed, strategies without a host to compare with", async () => {
    const cells = overcommitFixture([1]).map((one) =>
      one.spec.vmm.label === "esx" ? { ...one, metrics: { ...one.metrics, host_swap_ins: 1 } } : one,
    );
    const [chart] = CHART_KINDS.flatMap((kind) => kind.draw({ name: "r", cells })).filter(
      ({ id }) => id === "overcommit",
    );
    const svg = await renderSvg(chart.spec);
    expect(svg).toContain("No uncommitted host to compare with: esx.");
    const all = cells.map((one) => ({ ...one, metrics: { ...one.metrics, host_swap_ins: 1 } }));
    for (const lacking of CHART_KINDS.flatMap((kind) => kind.draw({ name: "r", cells: all }))) {
      expect(await renderSvg(lacking.spec)).toContain("<svg");
    }
    const bare = cells.map((one) => ({ ...one, metrics: {} }));
    expect(CHART_KINDS.flatMap((kind) => kind.draw({ name: "r", cells: bare })).map(({ id }) => id)).not.toContain(
      "overcommit",
    );
  });

  it("survive labels that are markup or expressions", async () => {
    const label = `<script>"'\\ datum['x']`;
    const { cells, name } = fullRun();
    const renamed = cells.map((one) =>
      one.spec.vmm.label === "esx" ? { ...one, spec: { ...one.spec, vmm: { ...one.spec.vmm, label } } } : one,
    );
    for (const chart of CHART_KINDS.flatMap((kind) => kind.draw({ name, cells: renamed }))) {
      expect(await renderSvg(chart.spec)).not.toContain("<script");
    }
  });
});

describe("systems", () => {
  it("stand in the order of the matrix, whatever their names", () => {
    const order = ["workstation", "native", "esx"];
    const of = (vmm: string): number => order.indexOf(vmm);
    const cells = fixture()
      .cells.filter(({ spec }) => spec.vms === undefined)
      .map((one) => {
        const { label } = one.spec.vmm;
        if (label !== "xen-pv") return one;
        return { ...one, spec: { ...one.spec, vmm: { base: "workstation", set: {}, label: "workstation" } } };
      })
      .toSorted((a, b) => of(a.spec.vmm.label) - of(b.spec.vmm.label));
    const [chart] = CHART_KINDS.filter(({ name }) => name === "slowdown").flatMap((kind) =>
      kind.draw({ ...fixture(), cells }),
    );
    const domains = [...JSON.stringify(chart.spec).matchAll(/"domain":(\["[^\]]*\])/g)].map(([, domain]) => domain);
    expect(new Set(domains)).toEqual(new Set([JSON.stringify(["workstation", "esx"])]));
  });

  it("with long names have them above their panels in lines about as wide as these", () => {
    const names = ["kvm (allocation: static-partition, memory.ksm: off)", "esx"];
    const { header } = panelOf("VMM", names, 150) as { header: { labelExpr: string } };
    const lines = JSON.parse(header.labelExpr.replace("[datum.value]", "")) as Record<string, readonly string[]>;
    for (const name of names) {
      expect(lines[name].join(" ")).toBe(name);
      for (const line of lines[name]) expect(textWidth(line, 12, true)).toBeLessThan(230);
    }
    expect(lines[names[0]].length).toBeGreaterThan(1);
  });
});

describe("PNG", () => {
  it("is twice the size of the SVG and shows its text", async () => {
    const [chart] = charts;
    const svg = await renderSvg(chart.spec);
    const png = renderPng(svg);
    const view = new DataView(png.buffer, png.byteOffset);
    const [width, height] = [view.getUint32(16), view.getUint32(20)];
    expect(width).toBe(2 * Math.round(Number(/width="(\d+)/.exec(svg)?.[1])));
    expect(inkedPixels(png, width, height)).toBeGreaterThan(0.005 * width * height);
    // Without its text the picture has far less ink: letters are there, not only marks.
    const mute = renderPng(svg.replace(/>[^<]+<\/(text|tspan)>/g, "></$1>"));
    expect(inkedPixels(png, width, height)).toBeGreaterThan(1.3 * inkedPixels(mute, width, height));
  });

  it("comes out of renderChart like SVG and JSON do", async () => {
    const [chart] = charts;
    expect(Buffer.from(await renderChart(chart, "png")).toString("latin1", 1, 4)).toBe("PNG");
    expect(await renderChart(chart, "svg")).toContain("<svg");
    const json = JSON.parse(String(await renderChart(chart, "vl.json"))) as Record<string, unknown>;
    expect(json).toMatchObject({ $schema: expect.stringContaining("vega-lite/v6"), description: chart.description });
  });
});

describe("colours", () => {
  it("belong to the VMM, whatever else is in the run", () => {
    const all = vmmStyles(fixture());
    const { cells, name } = fixture();
    const some = vmmStyles({ name, cells: cells.filter(({ spec }) => ["esx", "native"].includes(spec.vmm.label)) });
    expect(some.get("esx")).toEqual(all.get("esx"));
    expect(some.get("native")).toEqual(all.get("native"));
  });

  it("do not depend on the order of the cells", () => {
    const { cells, name } = fixture();
    const sorted = (list: typeof cells): unknown =>
      [...vmmStyles({ name, cells: list })].map((style) => JSON.stringify(style)).sort();
    expect(sorted(cells.toReversed())).toEqual(sorted(cells));
  });

  it("tell variants apart and are shared by one VMM under two names", () => {
    const styles = vmmStyles(fixture());
    expect(styles.get("xen-static")).toEqual(styles.get("xen-pv"));
    const variants = ["esx", "esx without sharing", "esx host swap only"].map((label) => styles.get(label)?.colour);
    expect(new Set(variants).size).toBe(3);
  });

  it("exist for VMMs from outside the project", () => {
    const spec = { block: "b", workload: "w", machine: "m", seed: 1 };
    const mine = ["./a.js", "./b.js"].map((base) => cell({ ...spec, vmm: { base, set: {}, label: base } }, {}));
    const styles = vmmStyles({ name: "r", cells: mine });
    expect(styles.get("./a.js")?.colour).toMatch(/^#/);
    expect(styles.get("./a.js")?.colour).not.toBe(styles.get("./b.js")?.colour);
  });
});

describe("layout", () => {
  it("measures text like the font does", () => {
    // DejaVu Sans, units per em 2048: space 651, "A" 1401, "i" 569; bold "A" 1585.
    expect(textWidth("A i", 2048, false)).toBeCloseTo(1401 + 651 + 569, 6);
    expect(textWidth("A", 2048, true)).toBeCloseTo(1585, 6);
    expect(textWidth("", 12, false)).toBe(0);
  });

  it("wraps between words and keeps them all", () => {
    expect(wrapText("one two three four", 9)).toEqual(["one two", "three", "four"]);
    expect(wrapText("incomprehensibilities", 5)).toEqual(["incomprehensibilities"]);
  });

  it("puts ticks at round numbers inside the range", () => {
    expect(logarithmicTicks(0.95, 5.2)).toEqual([1, 1.5, 2, 3, 4, 5]);
    expect(logarithmicTicks(1, 1000)).toEqual([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]);
    expect(logarithmicTicks(0.9, 1.3)).toEqual([0.9, 1, 1.1, 1.2]);
  });

  it("names files by what tells charts apart", () => {
    expect(chartIds("c", [["b", "m"]])).toEqual(["c"]);
    expect(
      chartIds("c", [
        ["a b", "m"],
        ["c", "m"],
      ]),
    ).toEqual(["c-a-b", "c"]);
    expect(
      chartIds("c", [
        ["b", "m"],
        ["b", "n"],
      ]),
    ).toEqual(["c-m", "c-n"]);
  });
});

/** Pixels that are not white, from the PNG's own data (8 bits a channel, filters undone here). */
function inkedPixels(png: Uint8Array, width: number, height: number): number {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const parts: Uint8Array[] = [];
  for (let at = 8; at < png.length; at += view.getUint32(at) + 12) {
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (type === "IDAT") parts.push(png.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  const channels = png[25] === 6 ? 4 : 3;
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  let above = new Uint8Array(stride);
  let ink = 0;
  for (let row = 0; row < height; row++) {
    const filter = raw[row * (stride + 1)];
    const line = Uint8Array.from(raw.subarray(row * (stride + 1) + 1, (row + 1) * (stride + 1)));
    for (let i = 0; i < stride; i++) {
      const left = i >= channels ? line[i - channels] : 0;
      const corner = i >= channels ? above[i - channels] : 0;
      line[i] += predicted(filter, left, above[i], corner);
    }
    for (let i = 0; i < stride; i += channels) if (line[i] + line[i + 1] + line[i + 2] < 740) ink++;
    above = line;
  }
  return ink;
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  if (filter !== 4) return 0;
  const p = left + up - corner;
  const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
