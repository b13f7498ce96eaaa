/**
 * Full virtualization without hardware support: user code runs directly, the guest kernel runs as translated code (Adams
 * and Agesen 2006, section 3). Translation is modelled at the level of what it changes: returns and indirect calls look up
 * their target, writes of the interrupt flag become writes to memory, entering and leaving the kernel is emulated.
 */
import { cause } from "../../core/ledger.ts";
import { GUEST_KERNEL, kernelPaths } from "../../guest/kernel-paths.ts";
import type { KernelPath } from "../../guest/kernel-paths.ts";
import type { Meter } from "../../machine/meter.ts";
import { primitiveCost } from "../../machine/profile.ts";
import type { MachineProfile } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { Cpu, Instruction, KernelEntry, MonitorContext } from "../monitor-contract.ts";
import { KERNEL_CODE_COSTS, KERNEL_ENTRY_COSTS, kernelPathCycles } from "./bare.ts";
import { TranslationCache } from "./translation-cache.ts";

const SYSTEM_CALL = cause("hardware.system-call");
const INTERRUPT = cause("hardware.interrupt");
const TRAP = cause("vmm.trap");
const EXCEPTION = cause("hardware.trap");
const TRANSLATED_CODE = cause("vmm.translation");
const TRANSLATOR = cause("vmm.translation.translator");

class BinaryTranslation implements Cpu {
  readonly #profile: MachineProfile;
  readonly #meter: Meter;
  readonly #cache: TranslationCache;
  readonly #systemCall: number;
  readonly #interrupt: number;
  readonly #emulateSystemCall: number;
  readonly #injectException: number;
  readonly #injectInterrupt: number;
  readonly #translateUnit: number;
  /** By number of path: what the code itself takes, and what translated code takes on top. */
  readonly #pathCycles: readonly number[];
  readonly #translatedCycles: readonly number[];

  constructor(cacheUnits: number, { profile, meter }: MonitorContext) {
    this.#profile = profile;
    this.#meter = meter;
    this.#cache = new TranslationCache(cacheUnits);
    this.#systemCall = primitiveCost(profile, "hardware.system-call");
    this.#interrupt = primitiveCost(profile, "hardware.interrupt");
    this.#emulateSystemCall = primitiveCost(profile, "esx.system-call");
    this.#injectException = primitiveCost(profile, "esx.inject-exception");
    this.#injectInterrupt = primitiveCost(profile, "esx.inject-interrupt");
    this.#translateUnit = primitiveCost(profile, "esx.translate-unit");
    this.#pathCycles = kernelPathCycles(profile, 0);
    const callReturn = primitiveCost(profile, "esx.call-return") - primitiveCost(profile, "hardware.call-return");
    const flagWrite = primitiveCost(profile, "esx.flag-write");
    this.#translatedCycles = Object.values(kernelPaths(profile)).map(
      (path) => path.calls * callReturn + path.flagWrites * flagWrite,
    );
  }

  enterKernel(entry: KernelEntry): void {
    if (entry === "system-call") {
      this.#meter.spend(SYSTEM_CALL, this.#systemCall);
      this.#meter.spend(TRAP, this.#emulateSystemCall);
    } else if (entry === "page-fault" || entry === "exception") {
      if (entry === "exception") this.#meter.spend(EXCEPTION, primitiveCost(this.#profile, "hardware.exception"));
      this.#meter.spend(TRAP, this.#injectException);
    } else {
      this.#meter.spend(INTERRUPT, this.#interrupt);
      this.#meter.spend(TRAP, this.#injectInterrupt);
    }
  }

  leaveKernel(): void {}

  execute(instruction: Instruction): void {
    this.#meter.spend(TRANSLATED_CODE, primitiveCost(this.#profile, `esx.${instruction}`));
  }

  runKernel(path: KernelPath, times: number): void {
    if (times === 0) return;
    const missing = this.#cache.reach(path);
    if (missing > 0) this.#meter.spendMany(TRANSLATOR, missing, this.#translateUnit);
    this.#meter.spendMany(GUEST_KERNEL, times, this.#pathCycles[path.id]);
    const translated = this.#translatedCycles[path.id];
    if (translated > 0) this.#meter.spendMany(TRANSLATED_CODE, times, translated);
  }
}

export const binaryTranslation = definePart<"cpu", { translationCacheUnits: number }>({
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
  },
  needs: [
    ...KERNEL_ENTRY_COSTS,
    ...KERNEL_CODE_COSTS,
    "esx.system-call",
    "esx.inject-exception",
    "esx.inject-interrupt",
    "esx.translate-unit",
    "esx.call-return",
    "esx.flag-write",
  ],
  kernelRing: { ia32: "1", "x86-64": "1" },
  create: ({ translationCacheUnits }, context) => new BinaryTranslation(translationCacheUnits, context),
});
