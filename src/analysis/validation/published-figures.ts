/** The collection of published figures: facts from papers, in our own words, each with where it is printed. */
import { join } from "node:path";
import { z } from "zod";
import { PACKAGE_ROOT } from "../../experiment/catalogue.ts";
import { readDocument } from "../../experiment/documents/yaml-document.ts";
import { inputText, readInputFile } from "../../experiment/input-files.ts";

const FILE = join(PACKAGE_ROOT, "validation/published.json");

const text = z.string().min(1);
const id = z.string().regex(/^[a-z0-9]+(\.[a-z0-9]+(-[a-z0-9]+)*)+$/, {
  error: ({ input }) => `"${String(input)}" is no id of a figure; expected one like xen03.t3.xen.fork-proc`,
});

const figureSchema = z.strictObject({
  id,
  source: text,
  /** Table, figure or section of the source. */
  figure: text,
  system: text,
  workload: text,
  metric: text,
  unit: text,
  value: z.number(),
  /**
   * The source says only on which side of the value the figure lies: "more than" it, "below" it. What the largest or the worst of
   * several was ("up to"), and the ends of a range, are no bounds: somebody measured them.
   */
  bound: z.enum(["above", "below"]).optional(),
  /** Null for what is neither better nor worse. */
  lowerIsBetter: z.boolean().nullable(),
  confidence: z.enum(["high", "medium", "low"]),
  /** How it is known: `verified:full-text:tabulated`, `from-memory:high:plotted`. */
  provenance: z.string().regex(/^(verified|from-memory):[a-z-]+:[a-z-]+$/),
});

const collectionSchema = z.array(figureSchema).superRefine((figures, context) => {
  const seen = new Set<string>();
  for (const [index, figure] of figures.entries()) {
    const message = `there is already a figure "${figure.id}"`;
    if (seen.has(figure.id)) context.addIssue({ code: "custom", path: [index, "id"], message });
    seen.add(figure.id);
  }
});

export type PublishedFigure = z.output<typeof figureSchema>;
export type Bound = NonNullable<PublishedFigure["bound"]>;

/** Published figures by id. Throws an InputError with every problem, by line and column. */
export function loadPublishedFigures(file = FILE): ReadonlyMap<string, PublishedFigure> {
  // JSON is a subset of YAML, and the reader of YAML says where a problem is.
  const { data } = readDocument(inputText(readInputFile(file)), file, collectionSchema);
  return new Map(data.map((figure) => [figure.id, figure]));
}
