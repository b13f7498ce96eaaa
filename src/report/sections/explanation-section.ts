import type { Explanation } from "../../sim/explain/explanation.ts";
import { findings } from "../../sim/explain/findings.ts";
import { outlineOf } from "../../sim/explain/outline.ts";
import { operationTimelineChart } from "../charts/operation-timeline.ts";
import { type Block, list, paragraph } from "../document.ts";
import { explanationLines, kernelRings, notation } from "../explanation-lines.ts";

const INDENT = "\u00a0\u00a0\u00a0";

/** The diagram of an operation, what its figures say, and its steps as a table. */
export function explanationBlocks(explanation: Explanation): Block[] {
  const { operation, machine, unit, vmms } = explanation;
  const names = vmms.map(({ name }) => name);
  const lines = explanationLines(explanation, outlineOf(explanation, false));
  const notes = [
    `The guest's kernel runs: ${kernelRings(explanation)}. What a loop costs is that of all its turns together.`,
    notation(explanation),
  ];
  return [
    { kind: "chart", chart: operationTimelineChart(explanation) },
    list(findings(explanation)),
    paragraph(notes.filter((note) => note !== undefined).join(" ")),
    {
      kind: "table",
      caption: `Steps of ${operation} on ${machine}, in ${unit}`,
      columns: ["what happens", ...names, ...names.map((name) => `sum so far, ${name}`)],
      rows: lines.map(({ depth, text, costs, soFar }) => [
        INDENT.repeat(depth) + text,
        ...costs.map((cost) => cost ?? ""),
        ...names.map((_, index) => soFar[index] ?? ""),
      ]),
      folded: true,
    },
  ];
}
