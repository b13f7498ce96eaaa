/** TCP traffic as the guest kernel handles it: segments of one packet each, data copied between user and kernel. */
import { cause } from "../core/ledger.ts";
import { HEADER_BYTES, MTU } from "../machine/network-link.ts";
import type { GuestMachine } from "./kernel-context.ts";
import type { KernelPaths } from "./kernel-paths.ts";
import type { PageWork } from "./page-work.ts";

const WAIT_NETWORK = cause("wait.network");
/** Bytes that may be on their way before the sender waits: the 128 kB socket buffers of Barham 2003, Table 6. */
const SOCKET_BUFFER = 128 * 1024;

export class NetworkStack {
  readonly #machine: GuestMachine;
  readonly #paths: KernelPaths;
  readonly #pages: PageWork;
  readonly #payload: number;

  constructor(machine: GuestMachine, paths: KernelPaths, pages: PageWork, mtu = MTU) {
    this.#machine = machine;
    this.#paths = paths;
    this.#pages = pages;
    this.#payload = mtu - HEADER_BYTES;
  }

  /** One system call that sends `bytes`; waits while more than the socket buffer is on its way. */
  send(bytes: number): void {
    const { cpu, network, networkPath, meter } = this.#machine;
    cpu.enterKernel("system-call");
    for (let left = bytes; left > 0; left -= this.#payload) {
      const size = Math.min(left, this.#payload);
      this.#pages.copyBytes(size);
      cpu.runKernel(this.#paths["send-packet"], 1);
      networkPath.submit(size + HEADER_BYTES, true);
      meter.waitUntil(WAIT_NETWORK, network.transmit(meter.now, size) - network.wireCycles(SOCKET_BUFFER));
    }
    networkPath.notify();
    cpu.leaveKernel("system-call");
  }

  /** Packets arrive, one interrupt each, and one system call takes their data. */
  receive(bytes: number): void {
    const { cpu, network, meter } = this.#machine;
    const start = meter.now;
    for (let left = bytes; left > 0; left -= this.#payload) {
      const size = Math.min(left, this.#payload);
      meter.waitUntil(WAIT_NETWORK, network.receive(start, size));
      this.packetArrives(size);
    }
    cpu.enterKernel("system-call");
    this.#pages.copyBytes(bytes);
    cpu.leaveKernel("system-call");
  }

  /** The processor's part of one received packet, up to where its data waits in the socket buffer. */
  packetArrives(size: number): void {
    const { cpu, networkPath } = this.#machine;
    cpu.enterKernel("interrupt");
    cpu.runKernel(this.#paths.interrupt, 1);
    networkPath.complete(size + HEADER_BYTES, false);
    cpu.runKernel(this.#paths["receive-packet"], 1);
    cpu.leaveKernel("interrupt");
  }
}
