/** JSON Schemas of the documents, for completion and checks in editors; generated into `schemas/`. */
import { z } from "zod";
import { machineSchema } from "./machine-document.ts";
import { matrixSchema } from "./matrix-schema.ts";
import { workloadSchema } from "./workload-document.ts";

const DOCUMENTS = {
  workload: { title: "vmmbench workload", schema: workloadSchema },
  machine: { title: "vmmbench machine profile", schema: machineSchema },
  matrix: { title: "vmmbench experiment matrix", schema: matrixSchema },
} as const;

/** File contents by file name. */
export function jsonSchemas(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(DOCUMENTS).map(([document, { title, schema }]) => {
      const generated = z.toJSONSchema(schema, { target: "draft-7", io: "input", unrepresentable: "any" });
      const { $schema, ...rest } = generated;
      return [`${document}.schema.json`, `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`];
    }),
  );
}
