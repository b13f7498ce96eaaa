/** The files that a description names, with what is wrong with them. */
import { dirname, resolve } from "node:path";
import { InputError } from "../../core/input-error.ts";
import { type InputFile, readInputFile } from "../input-files.ts";
import type { DocumentPath, YamlDocument } from "./yaml-document.ts";

/** The files a document names: read, or complained about at the place that names them. */
export class NamedInputs {
  readonly digests: string[] = [];
  readonly #folder: string;
  readonly #document: YamlDocument<unknown>;
  readonly #problems: string[] = [];

  constructor(file: string, document: YamlDocument<unknown>) {
    this.#folder = dirname(file);
    this.#document = document;
  }

  read<T>(name: string, path: DocumentPath, parse: (input: InputFile) => T): T | undefined {
    try {
      const input = readInputFile(resolve(this.#folder, name));
      this.digests.push(input.sha256);
      return parse(input);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      for (const problem of error.problems) this.complain(path, problem);
      return undefined;
    }
  }

  complain(path: DocumentPath, message: string): void {
    this.#problems.push(this.#document.problem(path, message));
  }

  throwProblems(): void {
    if (this.#problems.length > 0) throw new InputError(this.#problems);
  }
}
