/** Which files a program names: those that it imports, and data whose path is in its text. */
import { existsSync, statSync } from "node:fs";
import * as nodeModule from "node:module";
import { dirname, resolve } from "node:path";
import { type AnyNode, type Expression, type Node, parse, type Program, type VariableDeclarator } from "acorn";
import { base, recursive } from "acorn-walk";
import { ConstantPaths, nameOf } from "./constant-paths.ts";

export interface NamedFiles {
  readonly files: ReadonlySet<string>;
  /** Lines that name a file without saying which it is. */
  readonly unclear: ReadonlySet<number>;
}

/** Anything else is a package, which has a version. */
const RELATIVE = /^\.{1,2}\//;
/** What `require` adds to a path. */
const ENDINGS = ["", ".js", ".json", "/index.js"];

/** `path`: the absolute path of the program, which those in its text are relative to. */
export function namedFiles(text: string, path: string): NamedFiles {
  try {
    const program = parseProgram(text, path);
    const reading = new Reading(new ConstantPaths(program, path), path);
    reading.walk(program);
    return reading;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const { loc } = error as SyntaxError & { readonly loc?: { readonly line: number } };
    return { files: new Set(), unclear: new Set([loc?.line ?? 1]) };
  }
}

function parseProgram(text: string, path: string): Program {
  const options = { ecmaVersion: "latest", locations: true } as const;
  const code = path.endsWith("ts") ? withoutTypes(text) : text;
  try {
    return parse(code, { ...options, sourceType: "module" });
  } catch {
    return parse(code, { ...options, sourceType: "commonjs" });
  }
}

/** As Node.js does where it runs TypeScript: what is left stays in its line. */
function withoutTypes(text: string): string {
  const { stripTypeScriptTypes } = nodeModule as { readonly stripTypeScriptTypes?: (text: string) => string };
  return stripTypeScriptTypes?.(text) ?? text;
}

class Reading implements NamedFiles {
  readonly files = new Set<string>();
  readonly unclear = new Set<number>();
  readonly #constants: ConstantPaths;
  readonly #own: string;

  constructor(constants: ConstantPaths, own: string) {
    this.#constants = constants;
    this.#own = own;
  }

  walk(program: Program): void {
    recursive(program, undefined, {
      Expression: (node, _, visit) => {
        if (!this.#take(node)) visit(node, undefined);
      },
      VariableDeclarator: (node, _, visit) => {
        if (!this.#takeConstant(node)) base.VariableDeclarator?.(node, undefined, visit);
      },
      ImportDeclaration: ({ source }) => void this.#takeImport(source, source),
      ExportAllDeclaration: ({ source }) => void this.#takeImport(source, source),
      ExportNamedDeclaration: (node, _, visit) => {
        if (node.source) this.#takeImport(node.source, node.source);
        else base.ExportNamedDeclaration?.(node, undefined, visit);
      },
    });
  }

  /** `const data = join(import.meta.dirname, "data")`: which file in a folder is meant is said where the name is used. */
  #takeConstant({ id, init }: VariableDeclarator): boolean {
    if (id.type !== "Identifier" || !init || !this.#constants.isConstant(id.name, init)) return false;
    const path = this.#constants.path(init);
    if (path !== undefined && this.#isOtherFile(path)) this.files.add(path);
    return path !== undefined;
  }

  /** Returns whether the expression says which file it names, so that there is nothing more to look for in it. */
  #take(node: Expression): boolean {
    const path = this.#constants.path(node);
    if (path !== undefined) return this.#follow(node, path);
    if (node.type === "ImportExpression") return this.#takeImport(node, node.source);
    if (node.type !== "CallExpression") return false;
    const [argument] = node.arguments;
    switch (nameOf(node.callee)) {
      case "require":
        return this.#takeRequired(node, argument);
      case "readFile":
      case "readFileSync":
        return this.#takeRead(node, argument);
      case "createRequire":
        // Says whose `require` it is.
        return this.#constants.path(argument) === this.#own;
      default:
        return false;
    }
  }

  #takeImport(node: Node, source: AnyNode): boolean {
    const specifier = this.#constants.text(source);
    if (specifier === undefined) return this.#follow(node, this.#constants.path(source));
    return !RELATIVE.test(specifier) || this.#follow(node, this.#constants.ofUrl(specifier));
  }

  #takeRequired(node: Node, argument: AnyNode | undefined): boolean {
    const name = this.#constants.text(argument);
    if (name === undefined) return this.#follow(node, this.#constants.path(argument));
    if (!RELATIVE.test(name)) return true;
    const path = resolve(dirname(this.#own), name);
    return this.#follow(node, ENDINGS.map((ending) => path + ending).find(isFile) ?? path);
  }

  /** The current folder may be another one the next time: a file that is not in this one may be meant. */
  #takeRead(node: Node, argument: AnyNode | undefined): boolean {
    const text = this.#constants.text(argument);
    if (text === undefined) return this.#follow(node, this.#constants.path(argument));
    return this.#follow(node, isFile(resolve(text)) ? resolve(text) : undefined);
  }

  /** Where there is nothing yet, what comes is noticed; not so what a program makes of a folder, or of its own path. */
  #follow(node: Node, path: string | undefined): boolean {
    if (path !== undefined && this.#isOtherFile(path)) this.files.add(path);
    else if (node.loc && (path === undefined || existsSync(path))) this.unclear.add(node.loc.start.line);
    return path !== undefined;
  }

  #isOtherFile(path: string): boolean {
    return path !== this.#own && isFile(path);
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
