/** The address of a page fault, from the processor's register to the guest's handler: what a VMM takes in between stays its own. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GuestMachine } from "../../src/guest/kernel-context.ts";
import { TRAP_HANDLERS, SYSTEM_CALL } from "../../src/guest/trap-handlers.ts";
import { GUEST_FAULT } from "../../src/guest/virtual-hardware.ts";
import { NO_PAGE } from "../../src/machine/fault-address.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { explain } from "../../src/sim/explain/explanation.ts";
import { findings } from "../../src/sim/explain/findings.ts";
import { microbenchmarks } from "../../src/sim/microbenchmarks/catalogue.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { bareCpu } from "../../src/vmm/cpu/bare.ts";
import { binaryTranslation } from "../../src/vmm/cpu/binary-translation.ts";
import { hardwareAssist } from "../../src/vmm/cpu/hardware-assist.ts";
import { paravirtual } from "../../src/vmm/cpu/paravirtual.ts";
import { processTracing } from "../../src/vmm/cpu/process-tracing.ts";
import { esx } from "../../src/vmm/esx.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { kvmShadow } from "../../src/vmm/kvm-shadow.ts";
import { directPaging } from "../../src/vmm/mmu/direct-paging.ts";
import { nestedPaging } from "../../src/vmm/mmu/nested-paging.ts";
import { shadowPaging } from "../../src/vmm/mmu/shadow-paging.ts";
import { native } from "../../src/vmm/native.ts";
import { uml } from "../../src/vmm/uml.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { CORE_2, hardwareOf, LINUX_6_1, SMALL_GUEST, XEON } from "./machines.ts";
import { type GuestAction, RememberingGuest } from "./remembering-guest.ts";

/** So small that forks push pages to swap. */
const TIGHT_GUEST = { ...SMALL_GUEST, memoryPages: 262, residentFilePages: 4 };

const page = fc.integer({ min: 0, max: 39 }).map((n) => (n % 3) * 1024 + n);
const action: fc.Arbitrary<GuestAction> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constantFrom("write" as const, "read" as const), page }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("fork" as const, "exit" as const, "exec" as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("switch" as const, "file" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("map" as const, "unmap" as const, "protect" as const, "unprotect" as const),
      page,
      pages: fc.integer({ min: 1, max: 12 }),
    }),
  },
);
const actionLists = fc.array(action, { minLength: 30, maxLength: 90, size: "max" });

/** Looks on between guest and machine; knows of faults only what page was visited before. */
class Onlooker {
  /** Addresses that the guest's handler has read. */
  readonly read: number[] = [];
  #visited = NO_PAGE;
  /** The guest has been told of a fault there. */
  #last = NO_PAGE;
  #isUnderWay = false;

  watch(machine: GuestMachine): GuestMachine {
    const { cpu } = machine;
    const after = (call: string, args: readonly unknown[], result: unknown): void => {
      if (call === "access" && result === GUEST_FAULT) {
        this.#visited = args[0] as number;
        this.#isUnderWay = true;
      } else if (call === "enterKernel" && args[0] === "page-fault") {
        this.#last = this.#visited;
        this.#isUnderWay = false;
      } else if (call === "readFaultAddress") this.read.push(result as number);
      if (this.#isUnderWay) return;
      if (cpu.readFaultAddress() !== this.#last)
        throw new Error(`after ${call}(${String(args)}): ${cpu.readFaultAddress()} instead of ${this.#last}`);
    };
    return { ...machine, cpu: lookedAt(cpu, after), mmu: lookedAt(machine.mmu, after) };
  }
}

/** The same object; every call of a method is told of when it is over. */
function lookedAt<T extends object>(part: T, after: (call: string, args: readonly unknown[], result: unknown) => void) {
  return new Proxy(part, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        const result: unknown = Reflect.apply(member, target, args);
        after(String(name), args, result);
        return result;
      };
    },
  });
}

function play(vmm: Vmm, machine: MachineProfile, actions: readonly GuestAction[]) {
  const onlooker = new Onlooker();
  const guest = new RememberingGuest(vmm, machine, TIGHT_GUEST, (each) => onlooker.watch(each));
  for (const each of actions) expect(guest.perform(each)).toBeUndefined();
  const { ledger } = guest.machine.meter;
  return { read: onlooker.read, count: (cause: string) => ledger.eventsByCause()[cause] ?? 0 };
}

const ASSISTED: Vmm = { ...esx, name: "guest mode on shadow paging", cpu: hardwareAssist() };
const XEON_ASSISTED = { ...XEON, costs: { ...CORE_2.costs, ...XEON.costs } };

const CASES: readonly { vmm: Vmm; machine: MachineProfile }[] = [
  { vmm: native, machine: XEON },
  { vmm: native, machine: LINUX_6_1 },
  { vmm: esx, machine: XEON },
  { vmm: { ...esx, name: "esx with 5 shadow tables", mmu: shadowPaging({ shadowTables: 5 }) }, machine: XEON },
  {
    vmm: {
      ...esx,
      name: "esx that drops traces",
      cpu: binaryTranslation({ adaptive: true }),
      mmu: shadowPaging({ outOfSync: true, keepsUnlinked: false }),
    },
    machine: XEON,
  },
  { vmm: ASSISTED, machine: XEON_ASSISTED },
  { vmm: kvmShadow, machine: LINUX_6_1 },
  { vmm: kvm, machine: XEON_ASSISTED },
  {
    vmm: { ...kvm, name: "kvm, mapped on first use", mmu: nestedPaging({ populated: false }) },
    machine: XEON_ASSISTED,
  },
  { vmm: xenPv, machine: XEON },
  { vmm: xenPv, machine: LINUX_6_1 },
  {
    vmm: { ...xenPv, name: "xen-pv with writable page tables", mmu: directPaging({ writablePageTables: true }) },
    machine: XEON,
  },
  { vmm: { ...xenPv, name: "xen-pv on shadow paging", mmu: shadowPaging() }, machine: XEON },
  { vmm: uml, machine: XEON },
];

it.each(CASES.map(({ vmm, machine }) => ({ name: vmm.name, vmm, machine })))(
  "a guest on $name, $machine.kernel, reads of each fault which page was visited, and nothing of the VMM's own faults",
  ({ vmm, machine }) => {
    fc.assert(
      fc.property(actionLists, (actions) => {
        const { read } = play(vmm, machine, actions);
        // The host of User-Mode Linux has no dirty bits for it: it takes more faults than bare metal does.
        if (vmm !== uml) expect(read).toEqual(play(native, machine, actions).read);
      }),
      { numRuns: 15 },
    );
  },
);

describe("in those runs", () => {
  const runs = fc.sample(actionLists, { numRuns: 10, seed: 1 });
  const counted = (vmm: Vmm, machine: MachineProfile, cause: string): number =>
    runs.reduce((sum, actions) => sum + play(vmm, machine, actions).count(cause), 0);

  it("VMMs do take faults of their own", () => {
    expect(counted(esx, XEON, "vmm.shadow.hidden-fault")).toBeGreaterThan(100);
    expect(counted(esx, XEON, "vmm.shadow.trace")).toBeGreaterThan(100);
    expect(counted(ASSISTED, XEON_ASSISTED, "vmm.shadow.hidden-fault")).toBeGreaterThan(100);
    expect(counted(uml, XEON, "vmm.mapping.fault")).toBeGreaterThan(100);
    expect(counted(xenPv, LINUX_6_1, "vmm.direct.emulated-write")).toBeGreaterThan(100);
  });

  it("kernels fault, too", () => {
    for (const vmm of [native, kvmShadow, xenPv]) {
      expect(counted(vmm, LINUX_6_1, "event.page_fault_kernel"), vmm.name).toBeGreaterThan(10);
    }
  });
});

const USER_PAGE = 0x10402;
const OTHER_PAGE = 0x20000;

function processor(part: typeof native.cpu) {
  const hardware = hardwareOf(XEON_ASSISTED);
  const cpu = part.definition.create(part.parameters, hardware);
  cpu.registerTraps?.(TRAP_HANDLERS, SYSTEM_CALL);
  return { cpu, hardware: hardware.faultAddress, meter: hardware.meter };
}

const PROCESSORS = [bareCpu(), binaryTranslation(), hardwareAssist(), paravirtual(), processTracing()].map((part) => ({
  name: part.definition.name,
  part,
}));

describe.each(PROCESSORS)("the $name processor", ({ part }) => {
  it("gives its guest the address of a fault that a VMM hands on, and of no other", () => {
    const { cpu } = processor(part);
    cpu.enter("page-fault", USER_PAGE);
    cpu.forwardFault();
    cpu.enterKernel("page-fault");
    cpu.enter("page-fault", OTHER_PAGE);
    cpu.enter("page-fault");
    cpu.enter("instruction");
    cpu.tracedWrite("set", "set");
    for (const entry of ["interrupt", "system-call", "exception"] as const) cpu.enterKernel(entry);
    expect(cpu.readFaultAddress()).toBe(USER_PAGE);
  });

  it("gives its guest the address of a fault that the hardware delivers", () => {
    const { cpu, hardware } = processor(part);
    hardware.page = USER_PAGE;
    cpu.enterKernel("page-fault");
    expect(cpu.readFaultAddress()).toBe(USER_PAGE);
  });

  it("is not left for a read of the address, which takes nothing besides the handler's own path", () => {
    const { cpu, meter } = processor(part);
    cpu.readFaultAddress();
    expect(meter.now).toBe(part.definition.name === "paravirtual" ? 2 * XEON.costs["xen.hypercall"] : 0);
    expect(meter.ledger.eventsByCause()["event.exits"]).toBeUndefined();
  });
});

it("is in a register that only a fault that is delivered writes: one that exits leaves it alone", () => {
  const [translated, assisted] = [binaryTranslation(), hardwareAssist()].map((part) => processor(part));
  for (const { cpu } of [translated, assisted]) cpu.enter("page-fault", USER_PAGE);
  expect([translated.hardware.page, assisted.hardware.page]).toEqual([USER_PAGE, NO_PAGE]);
  assisted.cpu.forwardFault();
  expect(assisted.hardware.page).toBe(USER_PAGE);
});

function explained(vmms: readonly Vmm[], machine: MachineProfile) {
  const benchmark = microbenchmarks(machine).find(({ name }) => ["page-fault", "page_fault"].includes(name));
  if (benchmark === undefined) throw new Error("no benchmark of a page fault");
  return explain(benchmark, vmms, machine);
}

describe("explanations", () => {
  it("have a step in which the handler reads the page that was visited, at no cost of its own", () => {
    const { calls, vmms } = explained([native, esx, xenPv, uml], XEON);
    const reads = calls.flatMap(({ kind }, call) => (kind === "fault-address" ? [call] : []));
    expect(reads.length).toBe(1);
    const visit = calls.find(({ kind, action }) => kind === "access" && action.endsWith("page fault"));
    expect(calls[reads[0]].detail).toBe(visit?.detail);
    for (const { steps } of vmms)
      expect(steps[reads[0]].map(({ cost, cause }) => ({ cost, cause }))).toEqual([{ cost: 0, cause: null }]);
  });

  it("say where from", () => {
    const said = findings(explained([native, esx, xenPv, uml], XEON)).find((each) =>
      each.includes("address was at fault"),
    );
    expect(said).toContain("on native from CR2; on esx from the virtual CPU's CR2");
    expect(said).toContain("on xen-pv from a word more in the frame");
    expect(said).toContain("on uml from what it has asked its host");
  });

  it("say that later kernels on Xen read it from the page they share", () => {
    const { faultAddressIn } = paravirtual.definition;
    expect(
      [XEON, { ...XEON, kernelBuild: "linux-2.6" as const }, LINUX_6_1].map((each) => faultAddressIn?.(each)),
    ).toEqual([expect.stringContaining("frame"), expect.stringContaining("shares"), expect.stringContaining("shares")]);
  });
});
