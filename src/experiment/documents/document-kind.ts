/** The kinds of descriptions, told apart by keys that only one of them has. */
const KEYS = {
  matrix: ["blocks"],
  machine: ["costs", "kernel-paths", "cpu"],
  workload: ["guest", "activities", "trace"],
} as const;

export type DocumentKind = keyof typeof KEYS;

/** What these are the keys of; undefined when none of them tells. */
export function documentKind(keys: ReadonlySet<string>): DocumentKind | undefined {
  const kinds = Object.keys(KEYS) as DocumentKind[];
  return kinds.find((kind) => KEYS[kind].some((key) => keys.has(key)));
}

const USES: Readonly<Record<DocumentKind, string>> = {
  matrix: "vmmbench run takes it",
  machine: "a matrix names it under machines, and --machine takes it",
  workload: "a matrix names it under workloads",
};

/** A file of one kind where another is expected; undefined when it may be the one expected. */
export function kindProblem(data: unknown, expected: DocumentKind): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const kind = documentKind(new Set(Object.keys(data)));
  if (kind === undefined || kind === expected) return undefined;
  return `expected a ${expected}, found a ${kind}; ${USES[kind]}`;
}
