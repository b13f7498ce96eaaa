import { InputError } from "../../core/input-error.ts";

/** A VM needs a frame, none is free, and the VMM cannot make room. */
export class HostOutOfMemory extends InputError {
  constructor(vm: number, vmm: string, canTake: boolean) {
    const why = canTake
      ? "none of its mechanisms finds a page to take from a VM"
      : "it has no mechanism that can take memory from a VM by force";
    super(`the host is out of memory: VM ${vm} needs a page, and ${vmm} has none left; ${why}`);
    this.name = "HostOutOfMemory";
  }
}
