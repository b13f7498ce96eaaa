/** What the command overcommit prints of its answers. */
import { CONTROL_UNITS } from "../analysis/memory-control.ts";
import { type NotDone, notDone, notDoneSentence } from "../analysis/not-done.ts";
import type { Results } from "../analysis/results.ts";
import { decisionsListing, decisionsOf, type ExecuteArguments, reportOf } from "./execute-plan.ts";
import type { Answer } from "./overcommit-search.ts";

type OutputArguments = ExecuteArguments & { readonly json: boolean };

/** An answer as text, and as what goes into the JSON object. */
interface Shown {
  readonly text: string;
  readonly json: object;
}

/** Nothing of a run that was interrupted. */
export async function showAnswer(
  { summary, results, notes }: Answer,
  shown: (results: Results) => Promise<Shown>,
  args: OutputArguments,
): Promise<void> {
  if (results === undefined) return;
  const without = notDone(results.cells);
  if (args.json) process.stderr.write(notDoneText(without));
  for (const note of notes) console.error(note);
  const { text, json } = await shown(results);
  const logs = await decisionsOf(summary, args);
  const report = await reportOf(summary, args);
  if (args.json) {
    const why = args.why && { why: logs.map(({ path }) => path) };
    console.log(
      JSON.stringify({ results: summary.folder, ...(report && { report }), ...why, ...json, notDone: without }),
    );
    return;
  }
  process.stdout.write(`${text}${notDoneText(without)}`);
  console.log(`results: ${summary.folder}`);
  process.stdout.write(decisionsListing(logs));
  if (report !== undefined) console.log(`report:  ${report}`);
}

/** How far host memory can be overcommitted; `asked`: what the answers hang on, too. */
export async function ratiosShown(results: Results, asked: boolean): Promise<Shown> {
  const { overcommitCurves } = await import("../analysis/overcommit.ts");
  const { sensitivities } = await import("../analysis/sensitivity.ts");
  const { overcommitText, sensitivityText } = await import("./overcommit-table.ts");
  const curves = overcommitCurves(results);
  if (curves.length === 0) console.error("no strategy has results at two ratios, so there is nothing to compare");
  const sensitivity = sensitivities(results);
  const more = sensitivity.length > 0 ? `\n${sensitivityText(sensitivity)}` : "";
  return {
    text: `${overcommitText(curves)}${more}`,
    json: { curves, controlUnits: CONTROL_UNITS, ...(asked && { sensitivity }) },
  };
}

/** How many VMs the host holds. */
export async function vmCountsShown(results: Results): Promise<Shown> {
  const { vmCountCurves, vmCountSentence } = await import("../analysis/vm-count.ts");
  const { vmCountText } = await import("./vm-count-table.ts");
  const curves = vmCountCurves(results);
  if (curves.length === 0) console.error("no strategy has results, so there is nothing to compare");
  const vmCounts = curves.map((curve) => ({ ...curve, sentence: vmCountSentence(curve) }));
  return { text: vmCountText(curves), json: { vmCounts, controlUnits: CONTROL_UNITS } };
}

/** A strategy that was asked for and has no figure in the tables is named with the reason, below the verdicts of the others. */
function notDoneText(all: readonly NotDone[]): string {
  return all.map((one) => `${notDoneSentence(one)}\n`).join("");
}
