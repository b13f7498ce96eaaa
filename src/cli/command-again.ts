/** The command line that this process was started with, to be pasted into a shell in the same folder. */
import { basename, relative } from "node:path";

/**
 * With these switches on as well. `argv` and `env` as of a process: how it was started shows whether `vmmbench` is on the PATH, or
 * npm or Node.js has to find it.
 */
export function commandAgain(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  switches: readonly string[],
): string {
  const isSwitch = (word: string): boolean => switches.includes(word.replace(/^--no-/, "--").replace(/=.*$/, ""));
  const words = argv
    .slice(2)
    .filter((word, i, all) => !isSwitch(word) && !(isSwitch(all[i - 1] ?? "") && isState(word)));
  return [...program(argv[1], env), ...[...words, ...switches].map(quoted)].join(" ");
}

/** A switch may have its state behind it as a word of its own: `--resume false`. */
function isState(word: string): boolean {
  return word === "true" || word === "false";
}

function program(script: string, env: Readonly<Record<string, string | undefined>>): readonly string[] {
  if (env.npm_command === "exec" || env.npm_lifecycle_event === "start") return ["npx", "vmmbench"];
  if (basename(script) === "vmmbench") return ["vmmbench"];
  return ["node", quoted(relative(process.cwd(), script))];
}

/** As a POSIX shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w%+,./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
