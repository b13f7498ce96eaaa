import { vi } from "vitest";
import yargs, { type Argv } from "yargs";

/** What the commands of a parser, run in this process, write on standard output. Throws what they throw; standard error is not shown. */
export async function outputOf(withCommands: (parser: Argv) => Argv, words: readonly string[]): Promise<string> {
  const written: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => written.push(String(chunk)) > 0);
  vi.spyOn(console, "error").mockImplementation(() => {});
  await withCommands(yargs([...words]))
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseAsync();
  vi.restoreAllMocks();
  return written.join("");
}
