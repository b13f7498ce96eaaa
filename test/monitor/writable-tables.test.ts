/** Writable page tables of Xen 2.0 to 3.0.2: which two tables the guest may write, and when they are checked and read-only again. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FaultAddress } from "../../src/machine/fault-address.ts";
import { Meter } from "../../src/machine/meter.ts";
import { entryOf, frameOf, PAGE_TABLE_FORMATS, Pte } from "../../src/machine/page-tables.ts";
import type { PageTableFormatName } from "../../src/machine/profile.ts";
import { Tlb } from "../../src/machine/tlb.ts";
import { GUEST_FAULT } from "../../src/guest/virtual-hardware.ts";
import { runMonitor } from "../../src/sim/monitor.ts";
import { DirectPaging, directPaging } from "../../src/vmm/mmu/direct-paging.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { Op, OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { FREE_ENTRY, SMALL_GUEST, XEON } from "./machines.ts";

const FRAMES = 1024;
const MAPPED = Pte.Present | Pte.User;
const WRITABLE = MAPPED | Pte.Writable;
const SPACES = 2;
/** Last-level tables of each address space, side by side. */
const TABLES = 3;

const machineFrame = (frame: number): number => FRAMES - 1 - frame;

/** Two address spaces with three last-level tables each, the first one loaded; what they map begins at page 0. */
class Guest {
  readonly meter = new Meter();
  readonly mmu: DirectPaging;
  /** Pages that a last-level table maps. */
  readonly span: number;
  readonly #roots: number[] = [];
  readonly #tables: number[][] = [];
  #frames = 0;

  constructor(format: PageTableFormatName = "ia32") {
    const pageTableFormat = PAGE_TABLE_FORMATS[format];
    this.span = 1 << pageTableFormat.bitsPerLevel;
    this.mmu = new DirectPaging(
      { queueLength: 64, writablePageTables: true, kernelSuperpages: false },
      {
        profile: XEON,
        meter: this.meter,
        tlb: new Tlb(64, 64),
        faultAddress: new FaultAddress(),
        pageTableFormat,
        machineFrames: Uint32Array.from({ length: FRAMES }, (_, frame) => machineFrame(frame)),
        vmmEntry: FREE_ENTRY,
      },
    );
    for (let space = 0; space < SPACES; space++) this.#makeSpace(pageTableFormat.levels);
    this.mmu.switchRoot(this.#roots[0]);
    this.mmu.beginBatch();
  }

  #makeSpace(levels: number): void {
    let upper = this.#newTable(levels - 1);
    this.#roots.push(upper);
    for (let level = levels - 2; level > 0; level--) {
      const table = this.#newTable(level);
      this.mmu.writeEntry(upper, 0, entryOf(table, MAPPED));
      upper = table;
    }
    const tables = Array.from({ length: TABLES }, () => this.#newTable(0));
    tables.forEach((table, index) => this.mmu.writeEntry(upper, index, entryOf(table, WRITABLE)));
    this.#tables.push(tables);
  }

  #newTable(level: number): number {
    this.mmu.useAsTable(this.#frames, level);
    return this.#frames++;
  }

  table(space: number, table: number): number {
    return this.#tables[space][table];
  }

  write(space: number, table: number, index: number, entry: number): void {
    this.mmu.writeEntry(this.table(space, table), index, entry);
  }

  load(space: number): void {
    this.mmu.switchRoot(this.#roots[space]);
  }

  count(name: string): number {
    return this.meter.ledger.eventsByCause()[name] ?? 0;
  }
}

const page = (n: number): number => entryOf(100 + n, WRITABLE);

describe("of a loaded address space and of another one", () => {
  it("a table each can be written in turns, with one trap each", () => {
    const guest = new Guest();
    for (let index = 0; index < 50; index++) {
      guest.write(0, 1, index, page(index));
      guest.write(1, 2, index, page(index));
    }
    expect(guest.count("vmm.trap")).toBe(2);
    expect(guest.count("vmm.direct.copy-table")).toBe(2);
  });

  it("two tables each take the place of one another", () => {
    const guest = new Guest();
    for (let turn = 0; turn < 5; turn++) {
      guest.write(0, turn % 2, turn, page(turn));
      guest.write(1, turn % 2, turn, page(turn));
    }
    expect(guest.count("vmm.trap")).toBe(10);
  });

  it("only the one that walks can reach is disconnected, so that only it costs a flush", () => {
    const guest = new Guest();
    const flushes = (): number => guest.count("hardware.tlb-flush");
    const before = flushes();
    guest.write(1, 0, 0, page(0));
    expect(flushes() - before).toBe(0);
    guest.write(0, 0, 0, page(0));
    expect(flushes() - before).toBe(1);
  });
});

/** It has written an entry of a table of each of its address spaces. */
function written(): Guest {
  const guest = new Guest();
  guest.write(0, 0, 7, page(0));
  guest.write(1, 0, 8, page(1));
  return guest;
}

/** To the pages that {@link written} maps. */
const references = (guest: Guest): number[] =>
  [0, 1].map((n) => guest.mmu.types.writableReferences(machineFrame(100 + n)));

describe("what the guest has written is checked", () => {
  it("not before anybody asks", () => expect(references(written())).toEqual([0, 0]));

  it("in the active table, when an access needs it, and the access goes on", () => {
    const guest = written();
    expect(guest.mmu.access(7, true)).toBe(machineFrame(100));
    expect(references(guest)).toEqual([1, 0]);
    expect(guest.count("hardware.trap")).toBe(1);
  });

  it("not when an access is elsewhere, and faults there", () => {
    const guest = written();
    expect(guest.mmu.access(guest.span + 7, true)).toBe(GUEST_FAULT);
    expect(references(guest)).toEqual([0, 0]);
  });

  it.each([
    ["an update", (guest: Guest) => (guest.mmu.endBatch(), guest.write(0, 2, 0, page(9)), guest.mmu.commit())],
    ["a flush", (guest: Guest) => (guest.mmu.invalidate(5), guest.mmu.commit())],
    ["another address space", (guest: Guest) => guest.load(1)],
  ])("in both tables, when the guest asks for %s", (_, ask) => {
    const guest = written();
    ask(guest);
    expect(references(guest)).toEqual([1, 1]);
  });
});

it("is active, whichever of the address spaces that have a table in common is loaded", () => {
  const guest = new Guest();
  const shared = guest.table(0, 2);
  guest.mmu.writeEntry(guest.table(1, 0) - 1, 2, entryOf(shared, WRITABLE));
  guest.mmu.commit();
  for (const space of [0, 1]) {
    guest.load(space);
    const flushes = guest.count("hardware.tlb-flush");
    guest.mmu.writeEntry(shared, 3, page(space));
    expect(guest.count("hardware.tlb-flush") - flushes).toBe(1);
    expect(guest.mmu.access(2 * guest.span + 3, true)).toBe(machineFrame(100 + space));
  }
});

type Action = { kind: "write"; space: number; table: number; index: number; value: number } | Other;
type Other = { kind: "access"; table: number; index: number } | { kind: "flush" } | { kind: "load"; space: number };

const small = (most: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: most });
const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        kind: fc.constant("write" as const),
        space: small(SPACES - 1),
        table: small(TABLES - 1),
        index: small(3),
        value: small(20),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("access" as const), table: small(TABLES - 1), index: small(3) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("load" as const), space: small(SPACES - 1) }) },
  ),
  { minLength: 20, maxLength: 80, size: "max" },
);

/** The rules, told by names of tables alone. */
class Rules {
  readonly entries = new Map<string, number>();
  traps = 0;
  checks = 0;
  loaded = 0;
  #active: string | undefined;
  #inactive: string | undefined;

  /** What an access has to find. */
  play(action: Action): number | undefined {
    if (action.kind === "write") {
      const table = `${action.space} ${action.table}`;
      this.#openFor(table, action.space === this.loaded);
      this.entries.set(`${table} ${action.index}`, action.value);
    } else if (action.kind === "access") {
      const table = `${this.loaded} ${action.table}`;
      if (this.#active === table) this.#close("active");
      return this.entries.get(`${table} ${action.index}`) ?? 0;
    } else {
      this.#close("active");
      this.#close("inactive");
      if (action.kind === "load") this.loaded = action.space;
    }
    return undefined;
  }

  #openFor(table: string, isActive: boolean): void {
    if (table === this.#active || table === this.#inactive) return;
    this.traps++;
    this.#close(isActive ? "active" : "inactive");
    if (isActive) this.#active = table;
    else this.#inactive = table;
  }

  #close(which: "active" | "inactive"): void {
    if ((which === "active" ? this.#active : this.#inactive) === undefined) return;
    this.checks++;
    if (which === "active") this.#active = undefined;
    else this.#inactive = undefined;
  }
}

/** Value 0: nothing is mapped; others map a page, every third one read-only. */
const entryFor = (value: number): number =>
  value === 0 ? 0 : entryOf(100 + value, value % 3 === 0 ? MAPPED : WRITABLE);

it.each(["ia32", "ia32-pae", "x86-64"] as const)("keeps to the rules whatever the guest does (%s)", (format) => {
  fc.assert(
    fc.property(actions, (list) => {
      const guest = new Guest(format);
      const rules = new Rules();
      const checksBefore = guest.count("vmm.direct.copy-table");
      for (const action of list) {
        const expected = rules.play(action);
        if (action.kind === "write") guest.write(action.space, action.table, action.index, entryFor(action.value));
        else if (action.kind === "load") guest.load(action.space);
        else if (action.kind === "flush") {
          guest.mmu.invalidate(0);
          guest.mmu.commit();
        } else {
          const found = guest.mmu.access(action.table * guest.span + action.index, false);
          expect(found).toBe(expected === 0 ? GUEST_FAULT : machineFrame(100 + (expected as number)));
        }
      }
      expect(guest.count("vmm.trap")).toBe(rules.traps);
      expect(guest.count("vmm.direct.copy-table") - checksBefore).toBe(rules.traps);
      guest.load(0);
      rules.play({ kind: "load", space: 0 });
      expect(rules.checks).toBe(rules.traps);
      for (let value = 1; value <= 20; value++) {
        const mapped = [...rules.entries.values()].filter((one) => one === value).length;
        const references = guest.mmu.types.writableReferences(machineFrame(100 + value));
        expect(references).toBe(value % 3 === 0 ? 0 : mapped);
      }
      for (const [place, value] of rules.entries) {
        const [space, table, index] = place.split(" ").map(Number);
        const entry = guest.mmu.readEntry(guest.table(space, table), index);
        expect((entry & Pte.Present) === 0 ? 0 : frameOf(entry) - 100).toBe(value);
      }
    }),
  );
});

function run(writablePageTables: boolean, add: (builder: OperationStreamBuilder) => void): Record<string, number> {
  const builder = new OperationStreamBuilder();
  add(builder);
  const workload = { name: "writes", guest: SMALL_GUEST, stream: builder.finish(), durationUs: 0, warmupUs: 0 };
  return runMonitor({ ...xenPv, mmu: directPaging({ writablePageTables }) }, XEON, workload).events;
}

describe("a guest whose kernel writes its tables", () => {
  it("asks for the one entry of a fault all the same (Linux 2.6.11 of Xen 2.0.6: update_va_mapping)", () => {
    const counts = run(true, (builder) => {
      for (let touched = 0; touched < 30; touched++) builder.add(Op.Touch, 40 + touched, 1);
    });
    expect(counts["vmm.trap"]).toBe(30);
    expect(counts["vmm.hypercall"]).toBe(30);
    expect(counts["vmm.direct.copy-table"] ?? 0).toBe(0);
  });

  it("has as many entries checked at a fork as one that asks, and a check of each table that it wrote on top", () => {
    const [asks, writes] = [false, true].map((writable) => run(writable, (builder) => builder.add(Op.Fork)));
    const tables = writes["vmm.direct.copy-table"];
    // Program, heap and stack are below a table each, of the parent and of the child: none has to give way to another of its own.
    expect(tables).toBe(2 * 3);
    expect(writes["vmm.trap"] - asks["vmm.trap"]).toBe(tables);
    expect(writes["vmm.direct.validate"] - asks["vmm.direct.validate"]).toBe(tables);
  });
});
