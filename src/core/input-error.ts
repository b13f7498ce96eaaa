/**
 * Something a user gave us is wrong. The message is one clear sentence: where, what, what was expected, and the nearest
 * valid name. The command line prints the messages without a stack trace and exits with code 2.
 */
export class InputError extends Error {
  /** All problems found at once, one sentence each. */
  readonly problems: readonly string[];

  constructor(problems: string | readonly string[]) {
    const list = typeof problems === "string" ? [problems] : problems;
    super(list.join("\n"));
    this.name = "InputError";
    this.problems = list;
  }
}
