#!/usr/bin/env node
import { existsSync } from "node:fs";

// A fresh clone has only the sources: say what to do, where an import would show a stack trace.
if (existsSync(new URL("../dist/cli/main.js", import.meta.url))) {
  await import("../dist/cli/main.js");
} else {
  console.error("vmmbench is not built yet; expected npm ci && npm run build in its folder first");
  process.exitCode = 2;
}
