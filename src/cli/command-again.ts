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
  const words = argv.slice(2).filter((word) => !switches.includes(word.replace(/^--no-/, "--").replace(/=.*$/, "")));
  return [...program(argv[1], env), ...[...words, ...switches].map(quoted)].join(" ");
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
