/** The files that a module from outside the package consists of: what it does changes when one of them does. */
import { readFileSync, statSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";

export interface ModuleFiles {
  /** Paths of all that the module names, through others as well: each once, itself first. */
  readonly files: readonly string[];
  /** Where a path is computed, so that the text does not say which file is meant: `mine.js:3`. */
  readonly computed: readonly string[];
}

/** A path in quotes; a template in which nothing is computed is one as well. */
const PATH = /(?:"([^"\n]+)"|'([^'\n]+)'|`([^`$\n]+)`)/.source;
const PROGRAM = /\.[cm]?js$/;
const RELATIVE = /^\.{1,2}\//;
const NO_ADDRESS = /^(?![a-z][a-z]+:)/i;

/** How a program names another file: which paths are meant, and what they are relative to. */
const NAMES: readonly { readonly found: RegExp; readonly paths: RegExp; readonly from: (module: string) => string }[] =
  [
    // from "./a.js", import "./a.json"; anything else is a package, which has a version.
    { found: new RegExp(`\\b(?:from|import)\\s*${PATH}`, "g"), paths: RELATIVE, from: dirname },
    // import("./a.js"), require("./a.cjs")
    { found: new RegExp(`\\b(?:import|require)\\s*\\(\\s*${PATH}\\s*[,)]`, "g"), paths: RELATIVE, from: dirname },
    // new URL("a.csv", import.meta.url)
    {
      found: new RegExp(`\\bnew\\s+URL\\s*\\(\\s*${PATH}\\s*,\\s*import\\.meta\\.url\\s*\\)`, "g"),
      paths: NO_ADDRESS,
      from: dirname,
    },
    // join(import.meta.dirname, "a.csv")
    {
      found: new RegExp(
        `\\b(?:join|resolve)\\s*\\(\\s*(?:import\\.meta\\.dirname|__dirname)\\s*,\\s*${PATH}\\s*\\)`,
        "g",
      ),
      paths: NO_ADDRESS,
      from: dirname,
    },
    // readFileSync("a.csv")
    {
      found: new RegExp(`\\breadFile(?:Sync)?\\s*\\(\\s*${PATH}\\s*[,)]`, "g"),
      paths: NO_ADDRESS,
      from: () => process.cwd(),
    },
  ];
/** Stands for such a thing where it has been found. */
const FOUND = "\0";
const IS_FOUND = `(?:fileURLToPath\\s*\\(\\s*)?${FOUND}\\s*`;
/** `const path = new URL("a.csv", import.meta.url);` */
const FOUND_CONSTANT = new RegExp(`\\bconst\\s+([\\w$]+)\\s*=\\s*${IS_FOUND}\\)?\\s*[;\\n]`, "g");
/** What is left of such things where the path is no text; of what is read by a constant, its name. */
const COMPUTED = new RegExp(
  [
    /\bimport\s*\(|\brequire\s*\(|\bimport\.meta\.(?:url|dirname|filename)\b|\b__(?:dirname|filename)\b/.source,
    `(?<!\\bfunction\\s+)\\breadFile(?:Sync)?\\s*\\((?!\\s*${IS_FOUND}[,)])(?:\\s*([\\w$]+)\\s*[,)])?`,
  ].join("|"),
  "g",
);
/** Says whose `require` it is, and no path. */
const MAKES_REQUIRE = /\bcreateRequire\s*\(\s*import\.meta\.(?:url|filename)\s*\)/g;
/** A comment; or what may look like one: a text in quotes, or a pattern, which begins where no value has just ended. */
const COMMENT_OR_TEXT = new RegExp(
  [
    /\/\/[^\n]*|\/\*[^]*?\*\//,
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[^]|[^`\\])*`/,
    /(?<=(?:^|[(,=:[!&|?{};+\-*%~<>]|\b(?:return|typeof|case|in|of|await|yield|throw|else|do))\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/[\\\n])+\//,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gm",
);
/** `import "./a.js?v=2"` is of `a.js`. */
const QUERY = /[?#][^/]*$/;
/** What `require` adds to a path. */
const ENDINGS = ["", ".js", ".json", "/index.js"];

/** All that a module's text says of its files. Packages have versions, and stay as they are. */
export function moduleFiles(file: string): ModuleFiles {
  // A set is gone through while it grows.
  const files = new Set([resolve(file)]);
  const computed: string[] = [];
  for (const one of files) {
    if (!PROGRAM.test(one)) continue;
    const text = readFileSync(one, "utf8");
    for (const named of namedFiles(text, one)) files.add(named);
    for (const line of computedLines(text)) computed.push(`${relative(process.cwd(), one)}:${line}`);
  }
  return { files: [...files], computed };
}

function namedFiles(text: string, module: string): readonly string[] {
  return NAMES.flatMap(({ found, paths, from }) => {
    const named = [...text.matchAll(found)].map(([, ...quoted]) => quoted.find((path) => path !== undefined) ?? "");
    return named.filter((path) => paths.test(path)).flatMap((path) => fileAt(resolve(from(module), path)) ?? []);
  });
}

/** What only looks like an import, in a text or a comment, is not there; where it is, a file too many does no harm. */
function fileAt(path: string): string | undefined {
  const candidates = [path, path.replace(QUERY, "")].flatMap((one) => ENDINGS.map((ending) => one + ending));
  return candidates.find((one) => statSync(one, { throwIfNoEntry: false })?.isFile() === true);
}

function computedLines(text: string): readonly number[] {
  const known = [...NAMES.map(({ found }) => found), MAKES_REQUIRE];
  const code = text.replace(COMMENT_OR_TEXT, (it) => (/^\/[/*]/.test(it) ? blank(it) : it));
  const rest = known.reduce((some, pattern) => some.replace(pattern, (it) => FOUND + blank(it)), code);
  const left = rest.replace(COMMENT_OR_TEXT, blankText);
  const constants = new Set([...left.matchAll(FOUND_CONSTANT)].map(([, name]) => name));
  const computed = [...left.matchAll(COMPUTED)].filter(([, name]) => !constants.has(name));
  return [...new Set(computed.map(({ index }) => left.slice(0, index).split("\n").length))];
}

/** All but what is computed in a template. */
function blankText(text: string): string {
  return text.startsWith("`") ? text.replace(/(?:^`|\})[^]*?(?:\$\{|`$)/g, blank) : blank(text);
}

/** Lines stay where they are. */
function blank(text: string): string {
  return text.replace(/[^\n]+/g, " ");
}
