/** What expressions of a program stand for, where its text alone says it: texts, and paths from the program's own on. */
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { AnyNode, Expression, Program } from "acorn";
import { full } from "acorn-walk";

export class ConstantPaths {
  readonly #program: string;
  readonly #constants: ReadonlyMap<string, Expression>;

  /** `path`: the absolute path of the program. */
  constructor(program: Program, path: string) {
    this.#program = path;
    this.#constants = constantsOf(program);
  }

  /** Whether an expression is all that a name ever stands for. */
  isConstant(name: string, value: Expression): boolean {
    return this.#constants.get(name) === value;
  }

  /** A text in one piece, or the constant that is one. */
  text(node: AnyNode | undefined): string | undefined {
    if (node?.type === "Identifier") return this.text(this.#constant(node.name, node.start));
    if (node?.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
    const isPlain = node?.type === "TemplateLiteral" && node.expressions.length === 0;
    return isPlain ? (node.quasis[0].value.cooked ?? undefined) : undefined;
  }

  /** The absolute path of what an expression stands for, wherever the program is run. */
  path(node: AnyNode | undefined): string | undefined {
    switch (node?.type) {
      case "Identifier":
        if (node.name === "__dirname" || node.name === "__filename") return this.#ownPath(node.name.slice(2));
        return this.path(this.#constant(node.name, node.start));
      case "MemberExpression":
        return node.object.type === "MetaProperty" ? this.#ownPath(nameOf(node)) : undefined;
      case "NewExpression":
        return nameOf(node.callee) === "URL" ? this.#urlPath(node.arguments) : undefined;
      case "CallExpression":
        return this.#functionPath(nameOf(node.callee), node.arguments);
      default:
        return undefined;
    }
  }

  /** The absolute path of a URL relative to the program, if it is one of a file. */
  ofUrl(text: string): string | undefined {
    try {
      return fileURLToPath(new URL(text, pathToFileURL(this.#program)));
    } catch {
      return undefined;
    }
  }

  /** Only a constant from above, so that none is looked for in itself. */
  #constant(name: string, before: number): Expression | undefined {
    const value = this.#constants.get(name);
    return value !== undefined && value.start < before ? value : undefined;
  }

  /** Of a property of `import.meta`. */
  #ownPath(property: string): string | undefined {
    if (property === "dirname") return dirname(this.#program);
    return property === "filename" || property === "url" ? this.#program : undefined;
  }

  #urlPath([relative, base]: readonly AnyNode[]): string | undefined {
    const text = this.text(relative);
    return text !== undefined && this.path(base) === this.#program ? this.ofUrl(text) : undefined;
  }

  #functionPath(name: string, [first, ...others]: readonly AnyNode[]): string | undefined {
    const path = this.path(first);
    if (path === undefined) return undefined;
    if (name === "fileURLToPath" || name === "pathToFileURL") return path;
    if (name === "dirname") return dirname(path);
    const texts = others.map((one) => this.text(one)).filter((text) => text !== undefined);
    if (texts.length < others.length) return undefined;
    if (name === "resolve") return resolve(path, ...texts);
    return name === "join" ? join(path, ...texts) : undefined;
  }
}

/** The last part of `fs.promises.readFile`. */
export function nameOf(node: AnyNode): string {
  if (node.type === "Identifier") return node.name;
  return node.type === "MemberExpression" && !node.computed ? nameOf(node.property) : "";
}

/** By name. One that is given twice, in different scopes, may mean either, and is none. */
function constantsOf(program: Program): ReadonlyMap<string, Expression> {
  const values = new Map<string, Expression>();
  const names = new Set<string>();
  const again = new Set<string>();
  const bind = (name: string): unknown => (names.has(name) ? again : names).add(name);
  full(program, (node, _, role) => {
    switch (node.type) {
      case "Identifier":
        if (role === "VariablePattern") bind(node.name);
        break;
      case "ImportSpecifier":
      case "ImportDefaultSpecifier":
      case "ImportNamespaceSpecifier":
        bind(node.local.name);
        break;
      case "VariableDeclaration":
        if (node.kind !== "const") break;
        for (const { id, init } of node.declarations) if (id.type === "Identifier" && init) values.set(id.name, init);
    }
  });
  for (const name of again) values.delete(name);
  return values;
}
