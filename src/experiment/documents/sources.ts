/** Where the numbers of a machine profile come from. */
import { z } from "zod";

export const source = z
  .string()
  .min(1)
  .meta({ description: "Where the number comes from: author, year, table or section." });
export const sourceKind = z.enum(["published", "calibrated", "assumed"]).meta({
  description: "published: printed there; calibrated: derived from printed figures; assumed: plausible, not measured.",
});
export type SourceKind = z.output<typeof sourceKind>;
