/** Messages of a guest: what their packets cost it, and those that handle its devices; and the job that sends or receives them. */
import { endsInSmallPacket, type NetworkLink, packetsFor } from "../machine/network-link.ts";
import type { DeviceInterrupts } from "./device-interrupts.ts";
import { type IoJob, JobKind } from "./io-job.ts";
import type { OperationPrices } from "./operation-prices.ts";
import type { Vcpu } from "./vcpu.ts";

type PacketJob = Required<Pick<IoJob, "kind" | "backend" | "units" | "bytes" | "endsRequest" | "arrives">>;

export class GuestPackets {
  readonly #prices: OperationPrices;
  readonly #link: NetworkLink;
  readonly #interrupts: DeviceInterrupts;
  /** Packets of the latest operation that somebody else has to deal with. */
  #job: PacketJob | undefined;

  constructor(prices: OperationPrices, link: NetworkLink, interrupts: DeviceInterrupts) {
    this.#prices = prices;
    this.#link = link;
    this.#interrupts = interrupts;
  }

  get waiting(): boolean {
    return this.#job !== undefined;
  }

  /** The job of the latest operation, which is taken once. */
  take(): PacketJob | undefined {
    const job = this.#job;
    this.#job = undefined;
    return job;
  }

  send(vcpu: Vcpu, bytes: number, endsRequest: boolean): void {
    const { backend } = this.#prices.sendPacket;
    this.#pay(vcpu, bytes, "sendPacket");
    this.#job = { kind: JobKind.Transmit, backend, units: packetsFor(bytes), bytes, endsRequest, arrives: 0 };
  }

  receive(vcpu: Vcpu, bytes: number, now: number): void {
    const { backend } = this.#prices.receivePacket;
    this.#pay(vcpu, bytes, "receivePacket");
    const arrives = this.#link.receiveAll(now, bytes);
    if (backend.total === 0 && arrives <= now) return;
    const units = packetsFor(bytes);
    this.#job = { kind: JobKind.Receive, backend, units, bytes: 0, endsRequest: false, arrives };
  }

  #pay(vcpu: Vcpu, bytes: number, way: "sendPacket" | "receivePacket"): void {
    const small = endsInSmallPacket(bytes) ? 1 : 0;
    const full = packetsFor(bytes) - small;
    const prices = this.#interrupts.pricesFor(vcpu, this.#prices);
    const { frontend, smallFrontend, backend, smallBackend } = prices[way];
    vcpu.pending.addVector(frontend, full);
    vcpu.pending.addVector(smallFrontend, small);
    // A driver domain does its part when it gets to it.
    if (prices === this.#prices) return;
    this.#interrupts.handle(backend, full);
    this.#interrupts.handle(smallBackend, small);
  }
}
