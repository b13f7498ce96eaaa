/** `npm run schemas`: write the generated JSON Schemas to `schemas/`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { jsonSchemas } from "./json-schemas.ts";

const folder = fileURLToPath(new URL("../../../schemas/", import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [file, contents] of jsonSchemas()) writeFileSync(folder + file, contents);
