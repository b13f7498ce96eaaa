/** What is wrong with a command line, in one sentence for its user. */
import { nearestName, suggestion } from "../core/nearest-name.ts";

export interface AskedFor {
  readonly words: readonly string[];
  /** How the command that was recognized is called, such as `vmmbench explain <operation>`. */
  readonly usage: string;
  /** Names of the commands below it. */
  readonly commands: readonly string[];
  /** Names of the options that it takes. */
  readonly options: readonly string[];
  /** Those of them that take no value. */
  readonly switches: readonly string[];
}

const TOP = "vmmbench <command>";

/** The complaint of yargs as a sentence that says what was expected, and the nearest name where one was misspelt. */
export function usageSentence(message: string, asked: AskedFor): string {
  const line = message
    .split("\n")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("; ")
    .replaceAll(":;", ":");
  return (
    wrongCompletion(asked) ??
    optionFirst(line, asked) ??
    wrongCommand(line, asked) ??
    wrongChoice(line) ??
    missing(line, asked) ??
    unknownWords(line, asked) ??
    line
  );
}

function wrongCompletion({ words }: AskedFor): string | undefined {
  const [first, second] = plainWords(words);
  if (first !== "completion" || second === undefined) return undefined;
  return `unexpected "${second}": completion takes no argument; its script is for bash or zsh, whichever $SHELL names`;
}

const NO_COMMAND = /^(expected a command|Did you mean|Unknown argument|Unknown command|Too many non-option)/;

/** Which words are values of an option is only known when its command is. */
function optionFirst(line: string, { words: [first = ""], usage }: AskedFor): string | undefined {
  if (usage !== TOP || !first.startsWith("-") || !NO_COMMAND.test(line)) return undefined;
  return `found "${first}" before any command; expected the command first, as in ${TOP} ${first}`;
}

/** A word where a command was expected: the first one, or the second one after a command with commands below it. */
function wrongCommand(line: string, { words, usage, commands, switches }: AskedFor): string | undefined {
  if (line.startsWith("expected a command") || !NO_COMMAND.test(line)) return undefined;
  const written = plainWords(words.filter((_, at) => !isValue(words[at - 1], switches)))[usage === TOP ? 0 : 1];
  if (written === undefined || commands.length === 0 || commands.includes(written)) return undefined;
  return `unknown command "${written}"; ${suggestion(written, commands)}`;
}

function wrongChoice(line: string): string | undefined {
  // What stands behind --no-guest is false, without quotes.
  const [, given, choices] = /^Invalid values: Argument: \w+, Given: "?([^"]*?)"?, Choices: (.+)$/.exec(line) ?? [];
  if (given === undefined) return undefined;
  return `unknown "${given}"; ${suggestion(
    given,
    [...choices.matchAll(/"([^"]+)"/g)].map(([, name]) => name),
  )}`;
}

function missing(line: string, { usage }: AskedFor): string | undefined {
  const [, option] = /^Not enough arguments following: (\S+)$/.exec(line) ?? [];
  if (option !== undefined) return `--${option} has no value`;
  const [, found] = /^Not enough non-option arguments: got (\d+),/.exec(line) ?? [];
  const argument = usage.match(/<[^>]+>/g)?.[Number(found)];
  return argument === undefined ? undefined : `${argument} is missing; expected ${usage}`;
}

/** Each as it was written: yargs names an option of several words twice, the second time in camel case. */
function unknownWords(line: string, { words, usage, options }: AskedFor): string | undefined {
  const [, list] = /^Unknown arguments?: (.+)$/.exec(line) ?? [];
  if (list === undefined) return undefined;
  const given = list.split(", ");
  const twins = new Set(given.filter((name) => name.includes("-")).map(camelCase));
  const unknown = given.filter((name) => !twins.has(name));
  const plain = plainWords(words);
  if (unknown.every((name) => plain.includes(name))) return `unexpected "${unknown.join(" ")}"; expected ${usage}`;
  const nearest = nearestName(unknown[0] ?? "", options);
  const sentence = `Unknown argument${unknown.length === 1 ? "" : "s"}: ${unknown.join(", ")}`;
  return nearest === undefined ? sentence : `${sentence}; did you mean --${nearest}?`;
}

/** What follows an option that is no switch, unless it has its value attached. */
function isValue(before: string | undefined, switches: readonly string[]): boolean {
  const [, name] = /^--([^=]+)$/.exec(before ?? "") ?? [];
  return name !== undefined && !switches.includes(name.replace(/^no-/, ""));
}

function camelCase(name: string): string {
  return name.replace(/-+(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function plainWords(words: readonly string[]): readonly string[] {
  return words.filter((word) => !word.startsWith("-"));
}
