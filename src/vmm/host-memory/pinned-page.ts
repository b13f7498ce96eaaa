/** The page that an operation is working on: never a victim of the room that the operation needs. */
import type { VmMemory } from "./vm-memory.ts";

export class PinnedPage {
  /** Undefined: nobody is working on any. */
  vm: VmMemory | undefined;
  ppn = -1;

  is(vm: VmMemory, ppn: number): boolean {
    return vm === this.vm && ppn === this.ppn;
  }

  /** Pin a page while `work` is done, in place of the one that is. */
  during<Result>(vm: VmMemory, ppn: number, work: () => Result): Result {
    const { vm: outerVm, ppn: outerPpn } = this;
    [this.vm, this.ppn] = [vm, ppn];
    const result = work();
    [this.vm, this.ppn] = [outerVm, outerPpn];
    return result;
  }
}
