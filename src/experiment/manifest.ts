/** `manifest.json`: what a results folder holds the results of. Written before the first cell. */
import { z } from "zod";
import type { Variation } from "./matrix.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const choice = z.object({ base: z.string(), set: z.record(z.string(), z.unknown()), label: z.string() });

export const manifestSchema = z.object({
  schema: z.literal(1),
  /** Over the keys of all cells and the engine: results are of one run exactly if this is equal. */
  digest: sha256,
  matrix: z.object({ name: z.string(), title: z.string(), file: z.string(), sha256, text: z.string() }),
  serviceLevel: z.object({ metric: z.enum(["throughput", "p99"]), bound: z.number() }).optional(),
  blocks: z.array(
    z.object({
      name: z.string(),
      title: z.string(),
      vmms: z.array(choice.extend({ title: z.string(), parts: z.record(z.string(), z.unknown()) })),
      workloads: z.array(z.string()),
      machines: z.array(z.string()),
      seeds: z.array(z.number()),
      vms: z.array(z.number()).optional(),
      overcommit: z.array(z.number()).optional(),
      hostPages: z.array(z.number()).optional(),
      varies: z
        .object({
          block: z.string(),
          input: z.string(),
          side: z.enum(["lower", "higher"]),
          from: z.string(),
          to: z.string(),
        })
        .optional(),
    }),
  ),
  /** By the name the matrix uses. */
  workloads: z.record(z.string(), z.object({ title: z.string(), summary: z.string(), sha256 })),
  machines: z.record(z.string(), z.object({ title: z.string(), sha256 })),
  /** Keys of all cells, sorted. */
  cells: z.array(sha256),
  versions: z.object({ vmmbench: z.string(), engine: sha256, node: z.string() }),
  /** Where the run was started or last resumed; no result depends on it. */
  host: z.object({ platform: z.string(), architecture: z.string(), cpu: z.string(), cpus: z.number() }),
});

/** By block: the input of another block that it varies. */
export function variationsOf({ blocks }: Manifest): ReadonlyMap<string, Variation> {
  return new Map(blocks.flatMap(({ name, varies }) => (varies === undefined ? [] : [[name, varies] as const])));
}

export type Manifest = z.output<typeof manifestSchema>;
