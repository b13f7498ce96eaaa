/** Operations on files: their effects on a guest's page cache, and the cycles that they cost. */
import type { PendingCharges } from "../core/pending-charges.ts";
import type { FileCache } from "../guest/file-cache.ts";
import type { ContentIds } from "../machine/content-ids.ts";
import { isInPart, isNew, isSync, isToEnd, Op } from "../workload/operation-stream.ts";
import type { OperationPrices } from "./operation-prices.ts";

const NOT_CACHED = -1;

export class FileOperations {
  readonly #cache: FileCache;
  readonly #prices: OperationPrices;
  readonly #ids: ContentIds;

  constructor(cache: FileCache, prices: OperationPrices, ids: ContentIds) {
    this.#cache = cache;
    this.#prices = prices;
    this.#ids = ids;
  }

  /** `process`: number of the thread; `call`: operand c of Op.ReadFile. `pending`: where the cycles go, here and below. */
  read(pending: PendingCharges, process: number, first: number, pages: number, call: number): void {
    pending.addVector(this.#prices.byOp[Op.ReadFile]);
    pending.addVector(this.#prices.readFilePage, pages);
    if (call !== 0) this.#cache.calls.begin(process, first, call);
    const used = Math.max(1, pages);
    for (let page = first; page < first + used; page++) this.#cache.touch(page, call !== 0);
  }

  write(pending: PendingCharges, first: number, pages: number, how: number, now: number): void {
    pending.addVector(this.#prices.byOp[Op.WriteFile]);
    if (isNew(how)) pending.addVector(this.#prices.deleteFilePage, this.#cache.delete(first, pages));
    const [sync, inPart, toEnd] = [isSync(how), isInPart(how), isToEnd(how)];
    let rewritten = 0;
    for (let page = first; page < first + pages; page++) {
      if (inPart || this.#cache.ppnOf(page) !== NOT_CACHED) rewritten++;
      this.#cache.write(page, this.#ids.unique(), sync, now, inPart, toEnd);
    }
    pending.addVector(this.#prices.writeFilePage, pages - rewritten);
    pending.addVector(this.#prices.rewriteFilePage, rewritten);
  }

  delete(pending: PendingCharges, first: number, pages: number): void {
    pending.addVector(this.#prices.deleteFilePage, pages);
    this.#cache.delete(first, pages);
  }
}
