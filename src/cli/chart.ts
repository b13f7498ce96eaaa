/** `vmmbench chart`: one chart of a run, or all of them, as SVG, PNG or Vega-Lite JSON. */
import type { CommandModule } from "yargs";

/** Names as the help lists them; the report layer is only loaded when a chart is drawn. */
export const CHART_NAMES = [
  "slowdown",
  "cycles",
  "operations",
  "overcommit",
  "vm-count",
  "memory-sources",
  "sensitivity",
  "isolation",
  "host-memory",
  "vm-memory",
] as const;

interface ChartArguments {
  name: string;
  results: string | undefined;
  out: string | undefined;
}

export const chartCommand: CommandModule<object, ChartArguments> = {
  command: "chart <name>",
  describe: "Draw a chart of a run as SVG, PNG or Vega-Lite JSON",
  builder: (yargs) =>
    yargs
      .positional("name", {
        type: "string",
        demandOption: true,
        describe: `A kind of chart (${CHART_NAMES.join(", ")}), the id of a single chart, or all`,
      })
      .option("results", {
        type: "string",
        describe: "Results folder [default: your newest in results/, or else results/reference]",
      })
      .option("out", {
        type: "string",
        describe: "File ending in .svg, .png or .vl.json, or a folder for all three [default: charts]",
      })
      .example("$0 chart slowdown --results results/reference --out slowdown.svg", "one chart as SVG")
      .example("$0 chart overcommit --out overcommit.png", "the newest results, as PNG")
      .example("$0 chart all --results results/reference --out charts", "every chart in every format"),
  handler: async ({ name, results, out }) => {
    const { newestResults } = await import("../report/newest-results.ts");
    const { requireChartName, writeCharts } = await import("../report/write-charts.ts");
    requireChartName(name);
    const folder = results ?? (await newestResults("results"));
    for (const file of await writeCharts(folder, name, out ?? "charts")) process.stdout.write(`${file}\n`);
  },
};
