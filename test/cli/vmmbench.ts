/** The built command, run the way users run it. */
import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function start(words: readonly string[], cwd = ROOT): { child: ChildProcess; ended: Promise<Outcome> } {
  const child = spawn(process.execPath, [resolve(ROOT, "bin/vmmbench.js"), ...words], {
    cwd,
    env: { ...process.env, VITEST: "", NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (text.stderr += chunk.toString()));
  const ended = new Promise<Outcome>((done) => child.on("close", (code) => done({ code, ...text })));
  return { child, ended };
}

export function vmmbench(words: readonly string[], cwd = ROOT): Promise<Outcome> {
  return start(words, cwd).ended;
}
