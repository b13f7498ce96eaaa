import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { commandAgain } from "../../src/cli/command-again.ts";

const again = (script: string, words: readonly string[], env = {}, switches: readonly string[] = []): string =>
  commandAgain(["node", script, ...words], env, switches);

const resumed = (...words: string[]) => again("vmmbench", words, {}, ["--resume"]);

describe("the command that continues a run", () => {
  it("is called the way that this one was", () => {
    expect(again("/usr/bin/vmmbench", ["run", "smoke"])).toBe("vmmbench run smoke");
    expect(again(`${process.cwd()}/bin/vmmbench.js`, ["run"])).toBe("node bin/vmmbench.js run");
    expect(again("/x/bin/vmmbench.js", ["run"], { npm_command: "exec" })).toBe("npx vmmbench run");
    expect(again("/x/bin/vmmbench.js", ["run"], { npm_lifecycle_event: "start" })).toBe("npx vmmbench run");
  });

  it("has each switch once, and on", () => {
    expect(resumed("run", "--out", "a")).toBe("vmmbench run --out a --resume");
    expect(resumed("run", "--resume", "--out", "a")).toBe("vmmbench run --out a --resume");
    expect(resumed("run", "--no-resume", "--out", "a")).toBe("vmmbench run --out a --resume");
    expect(resumed("run", "--resume=false", "--out", "a")).toBe("vmmbench run --out a --resume");
    expect(resumed("run", "--resume", "false", "--out", "a")).toBe("vmmbench run --out a --resume");
    expect(resumed("run", "--out", "false", "--resume")).toBe("vmmbench run --out false --resume");
  });

  it("is taken apart by a shell into the words that were typed", () => {
    const word = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
        const command = again("/usr/bin/vmmbench", words);
        const print = 'for (const word of process.argv.slice(1)) process.stdout.write(word + "\\0")';
        const script = `vmmbench() { "$NODE" -e '${print}' -- "$@"; }; ${command}`;
        const printed = execFileSync("sh", ["-c", script], { env: { NODE: process.execPath }, encoding: "utf8" });
        expect(printed.split("\0").slice(0, -1)).toEqual(words);
      }),
      { numRuns: 20, seed: 1 },
    );
  });
});
