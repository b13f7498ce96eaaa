/** What each operation of a guest costs on this VMM, as the host simulation charges it. */
import { cause } from "../core/ledger.ts";
import { FREE, type CostVector } from "../core/pending-charges.ts";
import type { MachineProfile } from "../machine/profile.ts";
import type { Vmm } from "../vmm/contract.ts";
import type { CompiledWorkload } from "../workload/compiled-workload.ts";
import { OP_NAMES, SYSTEM_CALLS } from "../workload/operation-stream.ts";
import type { MeasuredOperation } from "./operations.ts";

/** What the operations of a workload cost on a VMM; see {@link measureOperations}. */
export type MeasureOperations = (
  vmm: Vmm,
  profile: MachineProfile,
  workload: CompiledWorkload,
) => Readonly<Record<string, MeasuredOperation>>;

/** What a packet costs the guest, full or at most half full, and the driver domain or whoever handles the interrupts. */
export interface PacketPrice {
  readonly frontend: CostVector;
  readonly smallFrontend: CostVector;
  readonly backend: CostVector;
  readonly smallBackend: CostVector;
}

export class OperationPrices {
  readonly touch: CostVector;
  readonly pageFault: CostVector;
  readonly copyOnWriteFault: CostVector;
  readonly reuseFault: CostVector;
  readonly fileFault: CostVector;
  /** Per page, on top of the operation's own price; see PROCESS_OPERATIONS. */
  readonly forkPage: CostVector;
  readonly forkProtectPage: CostVector;
  readonly execPage: CostVector;
  readonly execUnmapPage: CostVector;
  readonly execUnmapUsedPage: CostVector;
  readonly exitPage: CostVector;
  readonly munmapPage: CostVector;
  readonly mprotectPage: CostVector;
  readonly timerInterrupt: CostVector;
  /** A driver of the guest's calls the VMM, which does nothing. */
  readonly vmmCall: CostVector;
  /** Per page, on top of the price of the operation. */
  readonly readFilePage: CostVector;
  /** Of a page that is not in memory, and of one that is. */
  readonly writeFilePage: CostVector;
  readonly rewriteFilePage: CostVector;
  readonly deleteFilePage: CostVector;
  readonly diskRead: CostVector;
  readonly diskReadBackend: CostVector;
  readonly diskWrite: CostVector;
  readonly diskWriteBackend: CostVector;
  readonly sendPacket: PacketPrice;
  readonly receivePacket: PacketPrice;
  /** By kind, see SYSTEM_CALLS. */
  readonly syscall: readonly CostVector[];
  /** A thousand cycles of other kernel code. */
  readonly kernelCode: CostVector;
  /** Install a handler, handle a signal. */
  readonly signal: readonly CostVector[];
  /** By operation code, for operations that have one price, or a fixed part of it. */
  readonly byOp: readonly CostVector[];
  /** Some operation needs the VM with the back ends. */
  readonly needsBackend: boolean;
  /** Of a guest on another processor than the one that handles interrupts, which does the part of the back end. Absent: there is no such. */
  readonly elsewhere: OperationPrices | undefined;

  constructor(measured: Readonly<Record<string, MeasuredOperation>>, elsewhere?: OperationPrices) {
    this.elsewhere = elsewhere;
    const front = (name: string): CostVector => vector(measured[name]?.frontend);
    const back = (name: string): CostVector => vector(measured[name]?.backend);
    this.touch = front("touch");
    this.pageFault = front("page-fault");
    this.copyOnWriteFault = front("copy-on-write-fault");
    this.reuseFault = front("reuse-fault");
    this.fileFault = front("file-fault");
    [this.forkPage, this.forkProtectPage] = [front("fork-page"), front("fork-protect-page")];
    [this.execPage, this.execUnmapPage] = [front("exec-page"), front("exec-unmap-page")];
    this.execUnmapUsedPage = front("exec-unmap-used-page");
    this.exitPage = front("exit-page");
    this.munmapPage = front("munmap-page");
    this.mprotectPage = front("mprotect-page");
    this.timerInterrupt = front("timer-interrupt");
    this.vmmCall = front("vmm-call");
    this.readFilePage = front("read-file-page");
    this.writeFilePage = front("write-file-page");
    this.rewriteFilePage = front("rewrite-file-page");
    this.deleteFilePage = front("delete-file-page");
    [this.diskRead, this.diskReadBackend] = [front("disk-read"), back("disk-read")];
    [this.diskWrite, this.diskWriteBackend] = [front("disk-write"), back("disk-write")];
    this.sendPacket = packetPrice(measured, "send");
    this.receivePacket = packetPrice(measured, "receive");
    this.syscall = SYSTEM_CALLS.map((kind) => front(`syscall:${kind}`));
    this.kernelCode = front("kernel-code");
    this.signal = [front("signal-install"), front("signal-handle")];
    this.byOp = OP_NAMES.map((name) => front(name));
    this.needsBackend = Object.values(measured).some(({ backend }) => vector(backend).total > 0);
  }
}

function packetPrice(measured: Readonly<Record<string, MeasuredOperation>>, way: "send" | "receive"): PacketPrice {
  const full = measured[`${way}-packet`];
  const small = measured[`${way}-small-packet`] ?? full;
  return {
    frontend: vector(full?.frontend),
    smallFrontend: vector(small?.frontend),
    backend: vector(full?.backend),
    smallBackend: vector(small?.backend),
  };
}

function vector(byCause: Readonly<Record<string, number>> | undefined): CostVector {
  if (byCause === undefined) return FREE;
  const entries = Object.entries(byCause).filter(([, cycles]) => cycles > 0);
  return {
    causes: Uint16Array.from(entries, ([name]) => cause(name)),
    cycles: Float64Array.from(entries, ([, cycles]) => cycles),
    total: entries.reduce((sum, [, cycles]) => sum + cycles, 0),
  };
}
