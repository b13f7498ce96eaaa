/** Memory compression (ESX 4.1 and later): a page about to be swapped out is kept in memory if it becomes small enough. */
import { cause } from "../../core/ledger.ts";
import type { CompressedSizes } from "../../machine/compressed-sizes.ts";
import { primitiveCost } from "../../machine/profile.ts";
import { definePart } from "../contract.ts";
import type { HostContext, MemoryMechanism } from "../host-contract.ts";
import type { HostMemory } from "../host-memory/host-memory.ts";
import type { PageCompressor } from "../host-memory/memory-roles.ts";
import { cacheCode, type VmMemory } from "../host-memory/vm-memory.ts";
import { CompressionCache, pagesPerFrame } from "./compression-cache.ts";

const COMPRESS = cause("vmm.compression.compress");
const DECOMPRESS = cause("vmm.compression.decompress");

export interface CompressionParameters extends Record<string, number | boolean> {
  maxPercent: number;
}

class Compression implements MemoryMechanism, PageCompressor {
  readonly name = "compression";
  readonly kind = "compressing";
  readonly periodUs = 0;
  readonly #memory: HostMemory;
  readonly #sizes: CompressedSizes;
  readonly #maxPercent: number;
  readonly #costs: { readonly compress: number; readonly decompress: number; readonly map: number };
  readonly #caches: CompressionCache[] = [];

  constructor({ maxPercent }: CompressionParameters, context: HostContext) {
    this.#memory = context.memory;
    this.#sizes = context.compressedSizes;
    this.#maxPercent = maxPercent;
    this.#costs = {
      compress: primitiveCost(context.profile, "page.compress"),
      decompress: primitiveCost(context.profile, "page.decompress"),
      map: primitiveCost(context.profile, "page.map"),
    };
    context.memory.compressor = this;
  }

  work(): void {}

  reclaim(): number {
    return 0;
  }

  /** A page that does not shrink to a half has been compressed for nothing. No other page may share its frame. */
  compress(vm: VmMemory, ppn: number): boolean {
    const memory = this.#memory;
    const cache = this.#cacheOf(vm);
    const content = memory.frames.content[vm.backing[ppn]];
    memory.payer.add(COMPRESS, this.#costs.compress);
    const pages = pagesPerFrame(this.#sizes.bytes(content));
    if (pages === 0) return false;
    while (!cache.hasRoom(pages)) {
      if (cache.length === 0 || memory.slots.left === 0) return false;
      this.#swapOut(vm, cache.oldestPage);
    }
    // Its own frame is free now, if the cache needs one.
    memory.unmap(vm, ppn);
    vm.backing[ppn] = cacheCode(cache.add(ppn, content, pages));
    vm.cacheFrames = cache.frames;
    vm.compressed++;
    memory.payer.add(COMPRESS, this.#costs.map);
    return true;
  }

  shrink(vm: VmMemory): void {
    const cache = this.#cacheOf(vm);
    const { frames } = cache;
    while (cache.frames === frames && cache.length > 0 && this.#memory.slots.left > 0)
      this.#swapOut(vm, cache.oldestPage);
  }

  /** What was compressed is decompressed before it is written. */
  #swapOut(vm: VmMemory, ppn: number): void {
    const content = this.take(vm, cacheCode(vm.backing[ppn]));
    vm.swapped++;
    this.#memory.writeOut(this.#memory.slots.place(vm, ppn, content));
  }

  take(vm: VmMemory, place: number): number {
    vm.compressed--;
    this.#memory.payer.add(DECOMPRESS, this.#costs.decompress + this.#costs.map);
    const cache = this.#cacheOf(vm);
    const content = cache.take(place);
    vm.cacheFrames = cache.frames;
    return content;
  }

  #cacheOf(vm: VmMemory): CompressionCache {
    const most = Math.floor((vm.pages * this.#maxPercent) / 100);
    this.#caches[vm.index] ??= new CompressionCache(this.#memory.frames, most);
    return this.#caches[vm.index];
  }
}

export const compression = definePart<"memory", CompressionParameters>({
  slot: "memory",
  stage: "compression",
  name: "compression",
  summary: "Keeps pages that are about to be swapped out in memory, if they shrink to a half or less.",
  parameters: {
    maxPercent: {
      summary: "Largest compression cache of a VM, of configured memory; beyond it the oldest page is swapped out",
      default: 10,
      unit: "%",
      min: 0,
      max: 100,
      source: "ESX, Mem.MemZipMaxPct",
    },
  },
  requiresPart: "host-swap",
  needs: ["page.compress", "page.decompress", "page.map"],
  create: (parameters, context) => new Compression(parameters, context),
});
