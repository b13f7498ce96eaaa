/** Repetitions in a sequence, folded: what is done 140 times over is shown once. */

export type Fold<T> = Place<T> | Group<T>;

/** One place in the sequence; in a group, with the items of every turn, in their order. */
export interface Place<T> {
  readonly items: readonly T[];
}

export interface Group<T> {
  /** Of a part of the sequence that had one. */
  readonly title?: string;
  readonly times: number;
  readonly body: readonly Fold<T>[];
}

/** A part of the sequence: repetitions are looked for in it, and then among the parts. */
export interface Part<T> {
  readonly title: string;
  readonly items: readonly T[];
}

/** Longest group of neighbours that is looked for again and again. */
const LONGEST_GROUP = 32;

/** Fold consecutive groups with equal keys, groups of groups included. No item is lost, none appears twice. */
export function fold<T>(parts: readonly Part<T>[], keyOf: (item: T) => string): Fold<T>[] {
  const numbers = new Numbers();
  const nodes = parts.map(({ title, items }): Node<T> => {
    const inner = foldNodes(
      items.map((item) => ({ key: numbers.of(keyOf(item)), fold: { items: [item] } })),
      numbers,
    );
    const key = numbers.of(`${title}: ${inner.map((node) => node.key).join(" ")}`);
    return { key, fold: { title, times: 1, body: inner.map((node) => node.fold) } };
  });
  return foldNodes(nodes, numbers).map((node) => node.fold);
}

/** Every item of a fold. */
export function itemsOf<T>(each: Fold<T>): readonly T[] {
  return "items" in each ? each.items : each.body.flatMap(itemsOf);
}

interface Node<T> {
  readonly key: number;
  readonly fold: Fold<T>;
}

/** A small integer for each text. */
class Numbers {
  readonly #known = new Map<string, number>();

  of(text: string): number {
    const number = this.#known.get(text) ?? this.#known.size;
    this.#known.set(text, number);
    return number;
  }
}

function foldNodes<T>(nodes: readonly Node<T>[], numbers: Numbers): readonly Node<T>[] {
  let folded = nodes;
  for (let before = Infinity; folded.length < before; ) {
    before = folded.length;
    for (let length = 1; length <= LONGEST_GROUP; length++) folded = foldGroups(folded, length, numbers);
  }
  return folded;
}

function foldGroups<T>(nodes: readonly Node<T>[], length: number, numbers: Numbers): Node<T>[] {
  const folded: Node<T>[] = [];
  for (let at = 0; at < nodes.length; ) {
    const times = repetitions(nodes, at, length);
    if (times === 1) {
      folded.push(nodes[at++]);
      continue;
    }
    const keys = nodes.slice(at, at + length).map((node) => node.key);
    const body = keys.map((_, place) => {
      const turns = Array.from({ length: times }, (_unused, turn) => nodes[at + turn * length + place].fold);
      return merged(turns);
    });
    folded.push({ key: numbers.of(`${times} x ${keys.join(" ")}`), fold: { times, body } });
    at += times * length;
  }
  return folded;
}

/** How often the `length` nodes from a position on come in a row; 1: once. */
function repetitions<T>(nodes: readonly Node<T>[], at: number, length: number): number {
  let end = at + length;
  while (end < nodes.length && nodes[end].key === nodes[end - length].key) end++;
  return Math.max(1, Math.floor((end - at) / length));
}

/** Folds of the same shape as one, turn after turn. */
function merged<T>(turns: readonly Fold<T>[]): Fold<T> {
  const [first] = turns;
  if ("items" in first) return { items: turns.flatMap(itemsOf) };
  const groups = turns as readonly Group<T>[];
  const body = first.body.map((_, place) => merged(groups.map((group) => group.body[place])));
  return { ...first, body };
}
