/** The kinds of descriptions, told apart by keys that only one of them has. */
const KEYS = {
  matrix: ["blocks"],
  machine: ["costs", "kernel-paths", "cpu"],
  workload: ["guest", "activities", "trace"],
} as const;

export type DocumentKind = keyof typeof KEYS;

/** What most of these are the keys of; undefined when none of them tells. */
export function documentKind(keys: ReadonlySet<string>): DocumentKind | undefined {
  const kinds = (Object.keys(KEYS) as DocumentKind[]).filter((kind) => count(kind, keys) > 0);
  return kinds.toSorted((a, b) => count(b, keys) - count(a, keys))[0];
}

function count(kind: DocumentKind, keys: ReadonlySet<string>): number {
  return KEYS[kind].filter((key) => keys.has(key)).length;
}

const USES: Readonly<Record<DocumentKind, string>> = {
  matrix: "vmmbench run takes it",
  machine: "a matrix names it under machines, and --machine takes it",
  workload: "a matrix names it under workloads",
};

/** A file of one kind where another is expected; undefined when it may be the one expected. */
export function kindProblem(data: unknown, expected: DocumentKind): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const keys = new Set(Object.keys(data));
  const kind = documentKind(keys);
  if (kind === undefined || count(expected, keys) > 0) return undefined;
  return `expected a ${expected}, found a ${kind}; ${USES[kind]}`;
}
