/** Which version of the simulator this is: its number, and a digest of the code that results depend on. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PACKAGE_ROOT } from "./catalogue.ts";

/** The layers whose code decides what a cell's result is. */
const ENGINE_LAYERS = ["core", "machine", "workload", "guest", "vmm", "sim"];

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8")) as { version: string };
  return version;
}

/** SHA-256 over the built engine: a run is never resumed by another version, even between releases. */
export function engineDigest(): string {
  const hash = createHash("sha256");
  for (const layer of ENGINE_LAYERS) {
    const folder = join(PACKAGE_ROOT, "dist", layer);
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".js"));
    for (const file of files.sort()) hash.update(`${layer}/${file}\n`).update(readFileSync(join(folder, file)));
  }
  return hash.digest("hex");
}
