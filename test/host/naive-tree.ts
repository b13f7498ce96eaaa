/** A red-black tree of numbers, of objects, as Cormen et al. draw it: which ones does a search come by? */
interface Entry {
  readonly key: number;
  red: boolean;
  up: Entry | undefined;
  /** Left and right. */
  readonly below: [Entry | undefined, Entry | undefined];
}

const LEFT = 0;
const RIGHT = 1;
type Side = typeof LEFT | typeof RIGHT;
const other = (side: Side): Side => (side === LEFT ? RIGHT : LEFT);

export class NaiveTree {
  #root: Entry | undefined;

  /** Numbers from the root on to the one that is looked for, or to where it would be. */
  path(key: number): number[] {
    const keys: number[] = [];
    for (let at = this.#root; at !== undefined; at = key === at.key ? undefined : at.below[sideOf(key, at)])
      keys.push(at.key);
    return keys;
  }

  insert(key: number): void {
    const last = this.path(key).at(-1);
    const up = last === undefined ? undefined : this.#find(last);
    const entry: Entry = { key, red: true, up, below: [undefined, undefined] };
    if (up === undefined) this.#root = entry;
    else up.below[sideOf(key, up)] = entry;
    this.#afterInsert(entry);
    this.#check();
  }

  remove(key: number): void {
    const entry = this.#find(key);
    const [left, right] = entry.below;
    if (left !== undefined && right !== undefined) {
      let next: Entry = right;
      while (next.below[LEFT] !== undefined) next = next.below[LEFT];
      this.#unlink(next);
      // It takes the place of the removed one, with its colour and all around it.
      next.red = entry.red;
      next.below[LEFT] = entry.below[LEFT];
      next.below[RIGHT] = entry.below[RIGHT];
      for (const child of next.below) if (child !== undefined) child.up = next;
      this.#hang(next, entry);
    } else this.#unlink(entry);
    this.#check();
  }

  #find(key: number): Entry {
    let at = this.#root;
    while (at !== undefined && at.key !== key) at = at.below[sideOf(key, at)];
    if (at === undefined) throw new Error(`${key} is not in the tree`);
    return at;
  }

  /** Put `entry` where `place` is. */
  #hang(entry: Entry | undefined, place: Entry): void {
    const { up } = place;
    if (entry !== undefined) entry.up = up;
    if (up === undefined) this.#root = entry;
    else up.below[up.below[LEFT] === place ? LEFT : RIGHT] = entry;
  }

  /** Take out an entry with one child at most; the tree is balanced while a missing one stands for it. */
  #unlink(entry: Entry): void {
    const child = entry.below[LEFT] ?? entry.below[RIGHT];
    if (child !== undefined) {
      child.red = false;
      this.#hang(child, entry);
      return;
    }
    if (!entry.red) this.#lackBlack(entry);
    this.#hang(undefined, entry);
  }

  #lackBlack(entry: Entry): void {
    const { up } = entry;
    if (up === undefined) return;
    const side: Side = up.below[LEFT] === entry ? LEFT : RIGHT;
    let sibling = sure(up.below[other(side)]);
    if (sibling.red) {
      this.#rotate(up, side);
      [up.red, sibling.red] = [true, false];
      sibling = sure(up.below[other(side)]);
    }
    const isRed = (which: Side): boolean => sibling.below[which]?.red === true;
    if (!isRed(LEFT) && !isRed(RIGHT)) {
      sibling.red = true;
      if (up.red) up.red = false;
      else this.#lackBlack(up);
      return;
    }
    if (!isRed(other(side))) {
      const near = sure(sibling.below[side]);
      this.#rotate(sibling, other(side));
      [near.red, sibling.red] = [false, true];
      sibling = near;
    }
    [sibling.red, up.red] = [up.red, false];
    sure(sibling.below[other(side)]).red = false;
    this.#rotate(up, side);
  }

  #afterInsert(entry: Entry): void {
    const { up } = entry;
    if (up === undefined) entry.red = false;
    if (up === undefined || !up.red) return;
    const top = sure(up.up);
    const side: Side = top.below[LEFT] === up ? LEFT : RIGHT;
    const uncle = top.below[other(side)];
    if (uncle?.red === true) {
      [up.red, uncle.red, top.red] = [false, false, true];
      return this.#afterInsert(top);
    }
    const isInner = up.below[other(side)] === entry;
    if (isInner) this.#rotate(up, side);
    [(isInner ? entry : up).red, top.red] = [false, true];
    this.#rotate(top, other(side));
  }

  /** `entry` goes down on that side. */
  #rotate(entry: Entry, side: Side): void {
    const child = sure(entry.below[other(side)]);
    const inner = child.below[side];
    this.#hang(child, entry);
    entry.below[other(side)] = inner;
    if (inner !== undefined) inner.up = entry;
    child.below[side] = entry;
    entry.up = child;
  }

  /** As many black ones on each way down, and no red one below a red one. */
  #check(at = this.#root): number {
    if (at === undefined) return 1;
    const [left, right] = at.below.map((child) => {
      if (at.red && child?.red === true) throw new Error("red below red");
      if (child !== undefined && child.up !== at) throw new Error("up is not the way back");
      return child === undefined ? 1 : this.#check(child);
    });
    if (left !== right) throw new Error("unequal black heights");
    return left + (at.red ? 0 : 1);
  }
}

function sideOf(key: number, { key: here }: Entry): Side {
  return key < here ? LEFT : RIGHT;
}

function sure(entry: Entry | undefined): Entry {
  if (entry === undefined) throw new Error("the tree is not balanced");
  return entry;
}
