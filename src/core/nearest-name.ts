/** The candidate nearest to `name` by edit distance, if it is near enough to be a probable misspelling: one slip in three letters, or one. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  // With every letter another one, nothing is near.
  let bestDistance = Math.min(name.length, Math.max(1, Math.floor(name.length / 3)) + 1);
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** As many as a question names within its sentence; more are a list. */
const MOST_IN_SENTENCE = 3;

/** `did you mean "x"?`, or what begins like that, or a list of what there is when nothing is near. */
export function suggestion(name: string, candidates: readonly string[]): string {
  const nearest = nearestName(name, candidates);
  if (nearest !== undefined) return `did you mean "${nearest}"?`;
  const start = name.toLowerCase();
  const longer = start.length < 2 ? [] : candidates.filter((one) => one.toLowerCase().startsWith(start)).sort();
  if (longer.length > MOST_IN_SENTENCE) return `did you mean one of: ${longer.join(", ")}?`;
  if (longer.length > 0) return `did you mean ${longer.map((one) => `"${one}"`).join(" or ")}?`;
  return `expected one of: ${[...candidates].sort().join(", ")}`;
}

/** Optimal string alignment: one slip is a letter too many, one too few, another one, or two neighbours that changed places. */
function editDistance(a: string, b: string): number {
  let beforePrevious: readonly number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = previous[column - 1] + (a[row - 1] === b[column - 1] ? 0 : 1);
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swap = swapped ? beforePrevious[column - 2] + 1 : substitution;
      current.push(Math.min(substitution, swap, previous[column] + 1, current[column - 1] + 1));
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length];
}
