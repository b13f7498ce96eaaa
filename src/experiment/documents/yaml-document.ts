/**
 * YAML text to validated data: every problem becomes one sentence with file, line and column, and all of them are
 * reported at once. Workloads, machines and matrices are read through here.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import type { z } from "zod";
import { InputError } from "../../core/input-error.ts";
import { type DocumentKind, kindProblem } from "./document-kind.ts";
import { issueSentence, issuesToProblems, type Problem } from "./issues.ts";

/** One slip in the syntax leads to others, and a file of another kind to hundreds. */
const MOST_SYNTAX_ERRORS = 5;

export type DocumentPath = readonly (string | number)[];

/** What is wrong, and where in a document. */
export interface DocumentProblem {
  readonly path: DocumentPath;
  readonly message: string;
}

/** A document that fits its schema. */
export interface YamlDocument<T> {
  readonly file: string;
  readonly data: T;
  /** A problem found later, by a check that needs more than the document: `file:line:column: path: message`. */
  problem(path: DocumentPath, message: string): string;
}

/**
 * Parse and validate a document. `file` is only the name used in messages. Throws an {@link InputError} with one sentence per
 * problem; where `kind` says what is expected, a file of another kind is one problem and not one for each of its keys.
 */
export function readDocument<T>(
  text: string,
  file: string,
  schema: z.ZodType<T>,
  kind?: DocumentKind,
): YamlDocument<T> {
  const { document, lines } = parse(text, file);
  const value = toPlainData(document, file);
  const result = schema.safeParse(value, { error: issueSentence, reportInput: true });
  const place = (problem: Problem): number => offsetOf(document, problem.path, problem.at);
  if (result.success) {
    const problem = (path: DocumentPath, message: string): string => {
      const found = { path, message, at: "value" } as const;
      return sentence(file, lines.linePos(place(found)), found);
    };
    return { file, data: result.data, problem };
  }
  const otherKind = kind === undefined ? undefined : kindProblem(value, kind);
  if (otherKind !== undefined) throw new InputError(`${file}:1:1: ${otherKind}`);
  const located = issuesToProblems(result.error.issues).map((found) => ({ found, offset: place(found) }));
  located.sort((a, b) => a.offset - b.offset);
  throw new InputError(located.map(({ found, offset }) => sentence(file, lines.linePos(offset), found)));
}

interface ParsedText {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

/** What a document says, whatever kind it is. Throws an {@link InputError} with one sentence per place that is no YAML. */
export function plainData(text: string, file: string): object | null {
  return toPlainData(parse(text, file).document, file) as object | null;
}

function parse(text: string, file: string): ParsedText {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: "error",
  });
  rejectSyntaxErrors(document, text, file, lines);
  return { document, lines };
}

function rejectSyntaxErrors(document: Document.Parsed, text: string, file: string, lines: LineCounter): void {
  const errors = [...document.errors, ...document.warnings];
  if (errors.length > 0) {
    const sentences = errors.slice(0, MOST_SYNTAX_ERRORS).map(({ code, message, pos }) => {
      const { line, col } = lines.linePos(pos[0]);
      return `${file}:${line}:${col}: ${syntaxProblem(code, message, keyAt(text, pos[0]))}`;
    });
    const more = errors.length - sentences.length;
    throw new InputError(more === 0 ? sentences : [...sentences, `${file}: ${more} more of this kind`]);
  }
  if (document.contents === null) throw new InputError(`${file}:1:1: the file is empty; expected a YAML mapping`);
}

function syntaxProblem(code: string, message: string, key: string): string {
  if (code === "DUPLICATE_KEY") return `duplicate key ${key}`;
  if (code === "MULTIPLE_DOCS") return "a second YAML document begins here; expected one in a file";
  return `not valid YAML: ${message}`;
}

function keyAt(text: string, offset: number): string {
  return `"${/^["']?([^:"'\n]*)/.exec(text.slice(offset))?.[1].trim() ?? ""}"`;
}

function toPlainData(document: Document.Parsed, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // The library refuses documents whose aliases expand without bound.
    throw new InputError(`${file}:1:1: not valid YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function sentence(file: string, { line, col }: { line: number; col: number }, { path, message, at }: Problem): string {
  const dotted = dottedPath(at === "key" ? path.slice(0, -1) : path);
  return `${file}:${line}:${col}: ${dotted === "" ? "" : `${dotted}: `}${message}`;
}

function dottedPath(path: DocumentPath): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");
}

/** Where in the text the key or the value at the path starts; for what isn't there, where its nearest container starts. */
function offsetOf(document: Document.Parsed, path: DocumentPath, at: Problem["at"]): number {
  let node: Node | null | undefined = document.contents as Node | null;
  let offset = node?.range?.[0] ?? 0;
  for (const [depth, part] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const last = depth === path.length - 1;
    let next: Node | null | undefined;
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      const key = pair?.key as Node | undefined;
      next = (pair?.value as Node | null | undefined) ?? key;
      if (last && at === "key") next = key;
    } else if (isSeq(node)) {
      next = node.items[Number(part)] as Node | undefined;
    }
    if (next?.range === undefined || next.range === null) return offset;
    offset = next.range[0];
    node = next;
  }
  return offset;
}
