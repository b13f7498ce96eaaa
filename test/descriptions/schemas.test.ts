import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { jsonSchemas } from "../../src/experiment/documents/json-schemas.ts";

test("the JSON Schemas in schemas/ are the ones that `npm run schemas` writes", () => {
  const written = new Map(readdirSync("schemas").map((file) => [file, readFileSync(`schemas/${file}`, "utf8")]));
  expect(written).toEqual(new Map(jsonSchemas()));
});

test("the schema of a workload names required keys, enumerations and patterns of quantities", () => {
  const schema = JSON.parse(jsonSchemas().get("workload.schema.json") ?? "");
  expect(schema.additionalProperties).toBe(false);
  expect(schema.required).toEqual(["name", "title", "summary", "guest"]);
  expect("256MiB").toMatch(new RegExp(schema.properties.guest.properties.memory.pattern));
  expect("256").not.toMatch(new RegExp(schema.properties.guest.properties.memory.pattern));
  const step = schema.properties.activities.items.properties.request.items;
  expect(step.properties.syscall.enum).toContain("open-close");
  expect(step.properties.fork.items.properties).not.toHaveProperty("fork");
});
