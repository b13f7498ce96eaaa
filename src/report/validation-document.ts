/** `docs/validation.md`: every figure that the models are held against, with the rules of the comparison. */
import { percent } from "../core/percent.ts";
import { MISS, CLOSE } from "../analysis/validation/validated-row.ts";
import { missesOf } from "../analysis/validation/misses.ts";
import { TOLERANCE } from "../analysis/validation/accepted-figures.ts";
import type { Validation } from "../analysis/validation/validation.ts";
import { validationChart } from "./charts/validation.ts";
import { type Block, type Document, list, paragraph, type Section } from "./document.ts";
import { renderMarkdown } from "./markdown.ts";
import { renderSvg } from "./render-chart.ts";
import {
  bySource,
  goalTable,
  orderSentence,
  orderTable,
  calibratedCostTable,
  parameterSentence,
  parameterTable,
  reasonBlocks,
  roleTable,
  rowTable,
  withoutRowBlocks,
} from "./validation-tables.ts";

/** Text by file in `docs/`. */
export async function validationFiles(validation: Validation): Promise<ReadonlyMap<string, string>> {
  const files = new Map([["validation.md", renderMarkdown(validationDocument(validation))]]);
  const chart = validationChart(validation);
  if (chart !== undefined) files.set(`charts/${chart.id}.svg`, await renderSvg(chart.spec));
  return files;
}

function validationDocument(validation: Validation): Document {
  return {
    title: "Simulated figures held against published ones",
    sections: [
      rulesSection(),
      togetherSection(validation),
      ...sourceSections(validation),
      orderSection(validation),
      withoutRowSection(),
      reproduceSection(),
    ],
  };
}

function rulesSection(): Section {
  return {
    id: "rules",
    title: "What is compared, and the rules",
    blocks: [
      paragraph(
        "Every row is a figure that a paper printed, or that this project measured on a real kernel, and the same figure as the " +
          "models give it, in the same unit. The models know " +
          "what single events cost on a machine (its profile in machines/, each number with its source) and count the events while " +
          "the mechanisms run; there is no factor for a VMM, a benchmark or a paper.",
      ),
      list([
        "calibration: a number of a machine profile, or of the work, was derived from this very figure, or a choice between mechanisms that " +
          "other VMMs are known to have was settled by it. That it agrees is no evidence.",
        "prediction: neither was. Only these rows speak for or against the models. Those of figures that somebody " +
          "printed are summed up on their own, too: what this project measured itself, it also chose.",
        "Work that a source does not describe in full (the servers of Waldspurger's Figure 8, the files of dbench) is assumed, and " +
          "the rows say so where it matters; numbers of work are not among the free parameters.",
        "What may be calibrated: the native column of a source gives the guest kernel's own path lengths, one number for each " +
          "operation; a VMM may have at most six primitive costs and parameters of parts, from the simplest rows. Nothing is calibrated on an application.",
        "Free parameters are all numbers of the profiles of machines that a row is simulated on, and the times of the measured balloon job, " +
          "that are not taken as such from a source: calibrated ones and assumed ones; and the calibrated parameters of the parts of VMMs, but not the " +
          "assumed ones, whose number is given apart. A number that follows from another by a rule (equal to it, a count of it, a part of it) is no number of " +
          "its own; nor is one that is taken over from another machine, which counts once.",
        "Counted apart are the numbers that a native column gives: the profile has the published figure of bare metal, one for an " +
          "operation, and the path length is what is left of it when all else that the operation is charged is taken off; three " +
          "paths of the network are calibrated on native rates. They are the same under every VMM and cannot make one fit. Of all " +
          "other free parameters there should be fewer than a quarter of the predictions; the ratio with them is printed, too. The most " +
          "that a VMM may have is counted for each machine; what a profile takes over from another one is counted there.",
        "A source that says no more than 'below 20' or 'more than 240' gives a bound, not a value: such a row has no error, takes no part " +
          "in medians and in the chart, and counts as within 15 and 40 % if the simulated value lies on that side, and as a miss if it does not, " +
          "however near. What the largest or the worst of several was ('up to'), 'about', and the ends of a range are values: somebody measured them.",
        `The error of a row is (simulated - published) / published. A row within ${percent(CLOSE)} is close; one that is more than ` +
          `${percent(MISS)} off is a miss, and so are systems that the models put into another order than the source. Misses are ` +
          "in bold, with the reason where one is known. No row is taken out because it misses.",
      ]),
    ],
  };
}

function togetherSection(validation: Validation): Section {
  const chart = validationChart(validation);
  return {
    id: "together",
    title: "All rows together",
    blocks: [
      roleTable(validation),
      ...(chart === undefined ? [] : [{ kind: "chart", chart } as const]),
      paragraph(orderSentence(validation.summary.orderings)),
      paragraph(parameterSentence(validation)),
      parameterTable(validation.summary.freeParameters),
      calibratedCostTable(validation.summary.freeParameters),
      goalTable(validation),
    ],
  };
}

function sourceSections(validation: Validation): Section[] {
  const misses = missesOf(validation);
  return [...bySource(validation)].map(([source, rows]): Section => {
    const blocks: Block[] = [
      rowTable(rows.length === 1 ? "One figure" : `${rows.length} figures`, rows, misses),
      ...reasonBlocks(validation, source),
    ];
    return { id: rows[0].set, title: source, blocks };
  });
}

function orderSection(validation: Validation): Section {
  return { id: "orders", title: "Orders of systems", blocks: [orderTable(validation)] };
}

function withoutRowSection(): Section {
  return { id: "without-row", title: "Published figures without a row, and why", blocks: withoutRowBlocks() };
}

function reproduceSection(): Section {
  return {
    id: "reproduce",
    title: "How to reproduce this",
    blocks: [
      paragraph(
        "This page and validation/figures.json are written by npm run validation. It refuses when an absolute error has grown by " +
          `more than ${percent(TOLERANCE)} of the published figure, or when an order or a row was lost, unless it is told to accept ` +
          "that. A test does the same comparison.",
      ),
      { kind: "code", lines: ["npx vmmbench validate", "npm run validation", "npm run validation -- --accept"] },
    ],
  };
}
