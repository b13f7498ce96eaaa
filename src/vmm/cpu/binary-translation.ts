/**
 * Full virtualization without hardware support: user code runs directly, the guest kernel runs as translated code (Adams
 * and Agesen 2006, section 3). Most instructions are translated into themselves. Returns and indirect calls pay
 * for looking up their target, at one price: a call out to the VMM comes on top only where it is not translated. Of the returns of Linux
 * 2.4.20 one in ninety is not found at the first place that is looked at; what that takes no source says, but it is no call-out
 * (docs/kernel-operations/linux-2.4). Privileged instructions become a few that work on the virtual CPU's state (a write of the interrupt
 * flag or of the task priority, a read of CR2 or of a port that a device model in the cache answers) or a call out of the cache to
 * the VMM (a write of CR3, an invalidation). Entering and leaving the kernel is emulated, since user code must not run translated
 * and the kernel must not run otherwise.
 *
 * Memory protection depends on the format of the page tables. On IA-32 the VMM lies in the top 4 MB of every address space
 * (Agesen et al. 2010) and truncated segments keep translated code out of it, so that a system call can enter translated
 * code at once. Long mode knows no segment limits (AMD's later parts aside): every crossing between user code and kernel
 * leads through the VMM. What changes with it is a price of the machine profile, `binary-translation.system-call`: 600
 * cycles on a 32-bit guest (from Barham et al. 2003), 2066 on a 64-bit one (Adams and Agesen 2006). An access of translated
 * code beyond its segment is a general-protection fault, and the VMM makes it instead. That costs what trap and emulation of an instruction
 * do, or, translated anew, a call-out for it (section 3). User code, which runs directly, may be kept out by page protection and have
 * whole segments (US patent "Restricting memory access to protect data when sharing a common address space", Agesen, Subrahmanyam and
 * Adams); what it has up there is not modelled (docs/dead-ends.md). When the guest loads FS, GS or TR, the VMM loads its own copy of the
 * descriptor: a call-out.
 */
import { cause, event } from "../../core/ledger.ts";
import { flagWritesOf, GUEST_KERNEL, kernelPaths } from "../../guest/kernel-paths.ts";
import type { KernelPages } from "../../guest/kernel-pages.ts";
import type { KernelPath } from "../../guest/kernel-paths.ts";
import { type FaultAddress, NO_PAGE } from "../../machine/fault-address.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type {
  CpuContext,
  EntryChange,
  EntryEffect,
  EntryReason,
  Instruction,
  KernelEntry,
  VirtualCpu,
} from "../monitor-contract.ts";
import { AdaptiveTranslation } from "./adaptive-translation.ts";
import { KERNEL_CODE_COSTS, KERNEL_ENTRY_COSTS, kernelPathCycles } from "./bare.ts";
import { type BasicBlock, kernelCode, unitRuns } from "./kernel-code.ts";
import { TranslationCache, UNIT_INSTRUCTIONS } from "./translation-cache.ts";

const SYSTEM_CALL = cause("hardware.system-call");
const INTERRUPT = cause("hardware.interrupt");
const EXCEPTION = cause("hardware.trap");
const TRAP = cause("vmm.trap");
const INJECT = cause("vmm.trap.inject");
const TRANSLATED_CODE = cause("vmm.translation");
const TRANSLATOR = cause("vmm.translation.translator");
const CALLOUT = cause("vmm.translation.callout");
const TRACED_WRITE = cause("vmm.translation.traced-write");
const LIMIT_FAULT = event("segment-limit.fault");
const LIMIT_CALLOUT = event("segment-limit.callout");
const RETRANSLATED = event("translation.retranslated");
const UNIT_FOUND = event("translation.unit-found");
const UNIT_TRANSLATED = event("translation.unit-translated");
const CHAINED = event("translation.chained");
const FLUSHED = event("translation.cache-flush");

/** Ways to write an entry that are instructions of their own in a kernel path: a site for each. */
const CHANGES: readonly EntryChange[] = ["set", "protect", "modify"];
/** Those that copy out of the kernel's own memory and into it, one each, whatever path they are on (__copy_user, __copy_user_zeroing). */
const COPIES = 2;
/** First page that is beyond the segments of translated code: those of the topmost 4 MB are the VMM's. */
const BEYOND_SEGMENT = 0xffc00;

class BinaryTranslation implements VirtualCpu {
  readonly #profile: MachineProfile;
  readonly #meter: Meter;
  readonly #kernelPages: KernelPages | undefined;
  readonly #faultAddress: FaultAddress;
  readonly #cache: TranslationCache;
  readonly #code: readonly (readonly BasicBlock[])[];
  readonly #costs: ReturnType<typeof translationCosts>;
  readonly #adaptive: AdaptiveTranslation | undefined;
  /** The first of {@link COPIES}; what comes before are writes of entries, by path. */
  readonly #copySite: number;
  /** In long mode nothing is. */
  readonly #beyondSegment: number;
  /** By number of path: what the code itself takes, and what translated code takes on top. */
  readonly #pathCycles: readonly number[];
  readonly #translatedCycles: readonly number[];
  readonly #unitRuns: readonly number[];
  /** By number of path: the generation of the cache in which all of it is there and chained; -1: none. */
  readonly #readyIn: Int32Array;
  /** Number of the path that the kernel is on. */
  #path = 0;
  /** CR2 of the virtual CPU, a word of memory that translated code reads: the processor's own has every fault that the VMM takes. */
  #guestFaultAddress = NO_PAGE;

  constructor(
    cacheUnits: number,
    adaptive: boolean,
    faultsAllowed: number,
    { profile, meter, kernelPages, faultAddress, pageTableFormat }: CpuContext,
  ) {
    this.#profile = profile;
    this.#meter = meter;
    this.#kernelPages = kernelPages;
    this.#faultAddress = faultAddress;
    this.#cache = new TranslationCache(cacheUnits);
    this.#code = kernelCode(profile);
    this.#costs = translationCosts(profile);
    const paths = Object.values(kernelPaths(profile));
    this.#copySite = paths.length * CHANGES.length;
    this.#adaptive = adaptive ? new AdaptiveTranslation(this.#copySite + COPIES, faultsAllowed) : undefined;
    this.#beyondSegment = pageTableFormat.name === "x86-64" ? Infinity : BEYOND_SEGMENT;
    this.#pathCycles = kernelPathCycles(profile, () => 0);
    const { callReturn, flagWrite } = this.#costs;
    this.#translatedCycles = paths.map((path) => path.calls * callReturn + flagWritesOf(path) * flagWrite);
    this.#unitRuns = paths.map(unitRuns);
    this.#readyIn = new Int32Array(paths.length).fill(-1);
  }

  enterKernel(entry: KernelEntry): void {
    if (entry === "system-call") {
      this.#meter.spend(SYSTEM_CALL, this.#costs.hardwareSystemCall);
      this.#meter.spend(TRAP, this.#costs.systemCall);
    } else if (entry === "exception") {
      this.#meter.spend(EXCEPTION, this.#costs.hardwareException);
      this.#meter.spend(TRAP, this.#costs.trap);
      this.#meter.spend(INJECT, this.#costs.injectException);
    } else if (entry === "interrupt") {
      this.#meter.spend(INTERRUPT, this.#costs.hardwareInterrupt);
      this.#meter.spend(TRAP, this.#costs.injectInterrupt);
    } else this.#guestFaultAddress = this.#faultAddress.page;
  }

  readFaultAddress(): number {
    return this.#guestFaultAddress;
  }

  leaveKernel(): void {}

  switchTask(): void {}

  execute(instruction: Instruction): void {
    const isCallout = instruction === "segment-load" || instruction === "debug-register";
    this.#meter.spend(
      isCallout ? CALLOUT : TRANSLATED_CODE,
      primitiveCost(this.#profile, `binary-translation.${instruction}`),
    );
  }

  runKernel(path: KernelPath, times: number): void {
    if (times === 0) return;
    this.#path = path.id;
    this.#kernelPages?.run(path, times);
    let missed = 0;
    // Where the cache has no room for all of it, it is never ready.
    for (let run = 0; run < times && this.#readyIn[path.id] !== this.#cache.generation; run++) {
      missed += this.#reach(path.id);
    }
    this.#meter.countMany(UNIT_FOUND, times * this.#unitRuns[path.id] - missed);
    this.#meter.spendMany(GUEST_KERNEL, times, this.#pathCycles[path.id]);
    const translated = this.#translatedCycles[path.id];
    if (translated > 0) this.#meter.spendMany(TRANSLATED_CODE, times, translated);
  }

  enter(reason: EntryReason, page = NO_PAGE): void {
    if (reason === "page-fault") {
      this.#faultAddress.page = page;
      this.#meter.spend(EXCEPTION, this.#costs.hardwareTrap);
      this.#meter.spend(TRAP, this.#costs.trap);
    } else if (reason === "instruction") this.#meter.spend(CALLOUT, this.#costs.callout);
    // The emulation of a device is called by the translation of the access: the device's price of it was measured like that.
  }

  forwardFault(): void {
    this.#meter.spend(INJECT, this.#costs.injectException);
  }

  tracedWrite(change: EntryChange, effect: EntryEffect): boolean {
    const site = this.#path * CHANGES.length + CHANGES.indexOf(change);
    if (this.#adaptive?.callsEmulation(site) === true) {
      this.#meter.spend(TRACED_WRITE, this.#costs.tracedWrite[effect]);
      return false;
    }
    this.enter("page-fault");
    this.#noteFault(site);
    return true;
  }

  emulatesAccess(page: number, write: boolean): boolean {
    if (page < this.#beyondSegment) return false;
    const site = this.#copySite + Number(write);
    if (this.#adaptive?.callsEmulation(site) === true) {
      this.#meter.count(LIMIT_CALLOUT);
      this.#meter.spend(CALLOUT, this.#costs.callout);
      return true;
    }
    this.#meter.count(LIMIT_FAULT);
    this.#meter.spend(EXCEPTION, this.#costs.hardwareException);
    this.#meter.spend(TRAP, this.#costs.trap);
    this.#noteFault(site);
    return true;
  }

  /** With one fault too many, the unit of an instruction is translated anew. */
  #noteFault(site: number): void {
    if (this.#adaptive?.fault(site) !== true) return;
    this.#meter.count(RETRANSLATED);
    this.#meter.spendMany(TRANSLATOR, UNIT_INSTRUCTIONS, this.#costs.translateInstruction);
  }

  /** Code that is not in the cache, or not chained, is run for the first time. Returns how many of its units were missing. */
  #reach(path: number): number {
    const { exits, units, instructions, chained, flushes } = this.#cache.run(this.#code[path]);
    if (exits > 0) this.#meter.spendMany(CALLOUT, exits, this.#costs.callout);
    if (instructions > 0) this.#meter.spendMany(TRANSLATOR, instructions, this.#costs.translateInstruction);
    if (units > 0) this.#meter.countMany(UNIT_TRANSLATED, units);
    if (chained > 0) this.#meter.countMany(CHAINED, chained);
    for (let flush = 0; flush < flushes; flush++) {
      this.#meter.count(FLUSHED);
      this.#adaptive?.forget();
    }
    // With a flush on the way, what came before it is gone.
    this.#readyIn[path] = flushes === 0 ? this.#cache.generation : -1;
    return units;
  }
}

function translationCosts(profile: MachineProfile) {
  const own = (name: string): number => primitiveCost(profile, `binary-translation.${name}`);
  return {
    hardwareSystemCall: primitiveCost(profile, "hardware.system-call"),
    hardwareInterrupt: primitiveCost(profile, "hardware.interrupt"),
    hardwareTrap: primitiveCost(profile, "hardware.trap"),
    hardwareException: primitiveCost(profile, "hardware.exception"),
    systemCall: own("system-call"),
    trap: own("trap"),
    injectException: own("inject-exception"),
    injectInterrupt: own("inject-interrupt"),
    callout: own("callout"),
    translateInstruction: own("translate-instruction"),
    callReturn: own("call-return") - primitiveCost(profile, "hardware.call-return"),
    flagWrite: own("flag-write"),
    tracedWrite: {
      unchanged: own("traced-write"),
      clear: own("traced-write-clear"),
      set: own("traced-write-set"),
    },
  };
}

interface Settings {
  readonly translationCacheUnits: number;
  readonly adaptive: boolean;
  readonly faultsAllowed: number;
}

export const binaryTranslation = definePart<"cpu", { [K in keyof Settings]: Settings[K] }>({
  slot: "cpu",
  name: "binary-translation",
  summary: "user code runs directly, kernel code through a translation cache",
  parameters: {
    translationCacheUnits: {
      summary: "size of the translation cache",
      default: 40_000,
      unit: "translation units",
      min: 1,
      source: "assumed: 4 MiB of code in units of some 100 bytes",
    },
    adaptive: {
      summary:
        "translate instructions anew that keep faulting: at traced page tables, or beyond the segments of translated code",
      default: false,
      source: "Adams and Agesen 2006, section 3.3; not known of products of 2003",
    },
    faultsAllowed: {
      summary: "faults of an instruction before it is translated anew",
      default: 3,
      unit: "faults",
      min: 1,
      source: "assumed",
    },
  },
  needs: [
    ...KERNEL_ENTRY_COSTS,
    ...KERNEL_CODE_COSTS,
    "hardware.exception",
    "binary-translation.system-call",
    "binary-translation.trap",
    "binary-translation.inject-exception",
    "binary-translation.inject-interrupt",
    "binary-translation.callout",
    "binary-translation.translate-instruction",
    "binary-translation.call-return",
    "binary-translation.flag-write",
    "binary-translation.traced-write",
    "binary-translation.traced-write-clear",
    "binary-translation.traced-write-set",
  ],
  kernelRing: { ia32: "1", "ia32-pae": "1", "x86-64": "1" },
  faultAddressIn: () => "the virtual CPU's CR2, a word of memory in the reach of translated code",
  create: ({ translationCacheUnits, adaptive, faultsAllowed }, context) =>
    new BinaryTranslation(translationCacheUnits, adaptive, faultsAllowed, context),
});
