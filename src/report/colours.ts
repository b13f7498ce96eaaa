/** One colour per VMM and one per group of causes, the same in every chart; both palettes survive colour blindness. */
import type { CauseGroup } from "../analysis/cycle-breakdown.ts";
import type { MemorySource } from "../analysis/memory-sources.ts";
import { distinct, type Results } from "../analysis/results.ts";
import type { VmmChoice } from "../sim/cell.ts";

export interface VmmStyle {
  readonly colour: string;
  /** Dash pattern of lines; empty: solid. */
  readonly dash: readonly number[];
  readonly shape: string;
}

/** Hue families of Okabe and Ito (2008), with darker and lighter relatives for variants of the same VMM. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  native: ["#4d4d4d", "#8c8c8c", "#1a1a1a"],
  esx: ["#0072b2", "#56b4e9", "#00385a", "#6a51c7"],
  "xen-pv": ["#d55e00", "#e69f00", "#7a3600", "#f0b48a"],
  "xen-hvm": ["#cc79a7", "#8a3f68", "#e3b5cf"],
  kvm: ["#009e73", "#00543d", "#7fd1b8"],
  workstation: ["#b59f00", "#6b5e00", "#f0e442"],
  uml: ["#b2182b", "#ef8a9a", "#67001f"],
  linux: ["#999933", "#5f5f20", "#cccc99"],
};
/** For VMMs from outside the project. */
const SPARE: readonly (readonly string[])[] = [
  ["#117733", "#7fb78f", "#0a4a20"],
  ["#882255", "#c48aa8", "#4f1231"],
  ["#44aa99", "#226b60", "#a5dbd2"],
];
const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 2], [9, 3, 2, 3]];
const SHAPES = ["circle", "square", "triangle-up", "diamond", "cross"] as const;

/** Styles by label. A VMM keeps its family; its variants follow in order of their labels, the unchanged VMM first. */
export function vmmStyles(results: Results): ReadonlyMap<string, VmmStyle> {
  const choices = distinct(results.cells, (cell) => JSON.stringify(cell.spec.vmm)).map(
    (text) => JSON.parse(text) as VmmChoice,
  );
  choices.sort((a, b) => variantRank(a) - variantRank(b) || (a.label < b.label ? -1 : 1));
  const bases = distinct(choices, (choice) => choice.base);
  const outside = bases.filter((base) => FAMILIES[base] === undefined).sort();
  const variants = new Map<string, string[]>(bases.map((base) => [base, []]));
  const styles = new Map<string, VmmStyle>();
  for (const { base, set, label } of choices) {
    const known = variants.get(base) ?? [];
    const variant = JSON.stringify(set);
    if (!known.includes(variant)) known.push(variant);
    const family = FAMILIES[base] ?? SPARE[outside.indexOf(base) % SPARE.length];
    const index = known.indexOf(variant);
    styles.set(label, {
      colour: family[index % family.length],
      dash: DASHES[index % DASHES.length],
      shape: SHAPES[(familyIndex(base, outside) + index) % SHAPES.length],
    });
  }
  return styles;
}

function variantRank(choice: VmmChoice): number {
  return Object.keys(choice.set).length === 0 ? 0 : 1;
}

function familyIndex(base: string, outside: readonly string[]): number {
  const index = Object.keys(FAMILIES).indexOf(base);
  return index === -1 ? Object.keys(FAMILIES).length + outside.indexOf(base) : index;
}

/** Causes: the "muted" scheme of Tol (2021), apart from the colours of the VMMs. */
export const CAUSE_COLOURS: Readonly<Record<CauseGroup, string>> = {
  "guest user code": "#88ccee",
  "guest kernel": "#332288",
  "hardware: traps, TLB misses": "#999933",
  "VMM: traps, translation": "#cc6677",
  "VMM: hypercalls, events": "#ddcc77",
  "VMM: page tables": "#882255",
  "VMM: host memory": "#aa4499",
  "I/O: device path": "#44aa99",
  "I/O: back end (dom0)": "#117733",
  "waiting for I/O": "#c9c9c9",
  idle: "#e6e6e6",
  other: "#8c8c8c",
};

export const SOURCE_COLOURS: Readonly<Record<MemorySource, string>> = {
  neverTouched: "#dddddd",
  shared: "#117733",
  balloonFree: "#88ccee",
  balloonCache: "#332288",
  guestSwap: "#ddcc77",
  hostSwap: "#cc6677",
  notStarted: "#882255",
};
