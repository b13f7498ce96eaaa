/** `vmmbench report`: a results folder as HTML, Markdown, CSV and pictures. */
import { basename, join, resolve } from "node:path";
import type { CommandModule } from "yargs";

interface ReportArguments {
  results: string | undefined;
  out: string | undefined;
}

export const reportCommand: CommandModule<object, ReportArguments> = {
  command: "report [results]",
  describe: "Write the report of a run: one offline HTML file, Markdown, CSV and every chart",
  builder: (yargs) =>
    yargs
      .positional("results", {
        type: "string",
        describe: "Results folder [default: your newest in results/]",
      })
      .option("out", {
        type: "string",
        describe: "Folder of the report [default: reports/<name of the results folder>]",
      })
      .example("$0 report", "your newest results")
      .example("$0 report results/reference --out /tmp/report", "these results, into that folder"),
  handler: async ({ results, out }) => {
    const { newestOwnResults } = await import("../report/newest-results.ts");
    const { writeReport } = await import("../report/write-report.ts");
    const folder = results ?? (await newestOwnResults("results"));
    const { index, charts } = await writeReport(folder, out ?? join("reports", basename(resolve(folder))));
    process.stdout.write(
      `${index}\n${charts.length} charts beside it in charts/, tables in tables/, text in report.md\n`,
    );
  },
};
