import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { checkFile } from "../../src/experiment/check-file.ts";

it("counts a reference across a page boundary once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vmmbench-check-"));
  const file = join(folder, "straddling.lackey");
  writeFileSync(file, "I  1000,4\n L 1ffe,4\n S 3000,8\n");
  expect(await checkFile(file)).toBe("reference trace of 3 references");
  rmSync(folder, { recursive: true });
});
