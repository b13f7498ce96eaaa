import { missesOf } from "../../analysis/validation/misses.ts";
import type { Validation } from "../../analysis/validation/validation.ts";
import { validationChart } from "../charts/validation.ts";
import { type Block, paragraph, type Section } from "../document.ts";
import {
  goalTable,
  orderSentence,
  parameterSentence,
  reasonBlocks,
  roleTable,
  rowTable,
} from "../validation-tables.ts";

/** How far the models can be trusted, whatever was run. */
export function validationSection(validation: Validation): Section {
  const misses = missesOf(validation);
  const missed = validation.rows.filter(({ id }) => misses.has(id));
  const chart = validationChart(validation);
  const blocks: Block[] = [
    paragraph(
      "The same models, held against figures that papers printed. This is about this version of vmmbench and not about this run; " +
        "vmmbench validate simulates it anew. A number of a machine profile was derived from every calibration, so only the " +
        "predictions are evidence.",
    ),
    ...(chart === undefined ? [] : [{ kind: "chart", chart } as const]),
    roleTable(validation),
    paragraph(`${orderSentence(validation.summary.orderings)} ${parameterSentence(validation)}`),
    goalTable(validation),
    ...(missed.length === 0 ? [] : [rowTable("Figures that the models miss", missed, misses)]),
    ...reasonBlocks(validation),
    rowTable("All published figures with the simulated ones", validation.rows, misses, { folded: true }),
  ];
  return { id: "validation", title: "Held against published measurements", blocks };
}
