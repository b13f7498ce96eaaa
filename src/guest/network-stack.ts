/**
 * TCP traffic as the guest kernel handles it: segments of one packet each (or larger ones, for a device that cuts them up),
 * data copied between user and kernel. Every second packet of a transfer is acknowledged by a packet without data, which
 * takes the same path through the kernel. Who waits for a message sleeps, and so does a sender that waits for room in its socket
 * buffer on a kernel that wakes it up for each acknowledgement; other waiting of bulk transfers is waiting for the wire alone.
 */
import { cause } from "../core/ledger.ts";
import { HEADER_BYTES, MTU, PACKETS_PER_ACKNOWLEDGEMENT, SOCKET_BUFFER } from "../machine/network-link.ts";
import type { IdleTask } from "./idle-task.ts";
import type { GuestMachine } from "./kernel-context.ts";
import type { KernelPaths } from "./kernel-paths.ts";
import { PacketPages } from "./packet-pages.ts";
import type { PageWork } from "./page-work.ts";

const WAIT_NETWORK = cause("wait.network");

function packetPagesOf({ kernelPages, network, networkPath }: GuestMachine): PacketPages | undefined {
  if (kernelPages === undefined || networkPath.descriptors === 0) return undefined;
  return new PacketPages(kernelPages, network.interfaces, networkPath.descriptors);
}

export class NetworkStack {
  readonly #machine: GuestMachine;
  readonly #paths: KernelPaths;
  readonly #pages: PageWork;
  readonly #packetPages: PacketPages | undefined;
  readonly #idleTask: IdleTask | undefined;
  /** Packets that the device has buffers for: more cannot come under one interrupt. */
  readonly #buffers: number;
  /** When the device had the last packet that was sent: a peer that is asked answers after that. */
  #handedOver = 0;
  /** Packets of a stream that have been sent and that no acknowledgement has been taken for, and since when there are some. */
  #unacknowledged = 0;
  #heldSince = 0;

  /** `idleTask`: of a kernel that wakes up a sender for each acknowledgement. */
  constructor(machine: GuestMachine, paths: KernelPaths, pages: PageWork, idleTask?: IdleTask) {
    this.#machine = machine;
    this.#paths = paths;
    this.#pages = pages;
    this.#packetPages = packetPagesOf(machine);
    this.#idleTask = idleTask;
    const { descriptors } = machine.networkPath;
    this.#buffers = descriptors === 0 ? Infinity : descriptors;
  }

  /**
   * One system call that sends `bytes` in packets of at most `mtu`; waits while more than the socket buffer is on its way. In a
   * `stream` the next call goes on where this one ends: the interface holds acknowledgements back beyond the end of a call.
   */
  send(bytes: number, mtu = MTU, stream = false): void {
    const { cpu, network, networkPath, meter } = this.#machine;
    const payload = mtu - HEADER_BYTES;
    const segment = Math.max(payload, networkPath.segmentBytes - (networkPath.segmentBytes % payload));
    const perInterrupt = network.packetsPerInterrupt * PACKETS_PER_ACKNOWLEDGEMENT;
    if (!stream) this.#takeAcknowledgements(this.#unacknowledged, 1);
    let unacknowledged = stream ? this.#unacknowledged : 0;
    let heldSince = stream ? this.#heldSince : meter.now;
    cpu.enterKernel("system-call");
    for (let left = bytes; left > 0; left -= segment) {
      const size = Math.min(left, segment);
      this.#pages.copyBytes(size);
      const ready = this.#transmit(size);
      this.#handedOver = ready;
      let sent = ready;
      for (let rest = size; rest > 0; rest -= payload) sent = network.transmit(ready, Math.min(rest, payload));
      const before = unacknowledged;
      // The interface has held acknowledgements back for long enough.
      if (unacknowledged >= PACKETS_PER_ACKNOWLEDGEMENT && network.interrupts(meter.now, heldSince)) {
        unacknowledged = this.#takeAcknowledgements(unacknowledged, 1);
      }
      const packets = Math.ceil(size / payload);
      const waiting = unacknowledged + packets;
      if (unacknowledged < PACKETS_PER_ACKNOWLEDGEMENT || waiting >= perInterrupt) heldSince = meter.now;
      unacknowledged = this.#takeAcknowledgements(waiting, network.packetsPerInterrupt);
      this.#waitForRoom(sent - network.wireCycles(SOCKET_BUFFER), unacknowledged < before + packets);
    }
    this.#unacknowledged = stream ? unacknowledged : this.#takeAcknowledgements(unacknowledged, 1);
    this.#heldSince = heldSince;
    cpu.leaveKernel("system-call");
  }

  /** Until there is room in the socket buffer; `acknowledged`: an interrupt has made some since the last packet. */
  #waitForRoom(until: number, acknowledged: boolean): void {
    const { meter } = this.#machine;
    if (this.#idleTask === undefined) return meter.waitUntil(WAIT_NETWORK, until);
    // An acknowledgement makes room for all packets that it is for.
    if (!acknowledged || until <= meter.now) return;
    this.#idleTask.begin();
    this.#halt();
    meter.waitUntil(WAIT_NETWORK, until);
    this.#idleTask.end();
  }

  /** No process can run. Packets that leave only now interrupt to say so, which ends the halt. */
  #halt(): void {
    const { networkPath, meter } = this.#machine;
    if (networkPath.halt === undefined) return;
    networkPath.halt();
    for (let gone = meter.now; this.#takeInterruptForSent(); gone = meter.now) {
      this.#handedOver = gone;
      networkPath.halt();
    }
  }

  #takeInterruptForSent(): boolean {
    const { cpu, networkPath } = this.#machine;
    if (!networkPath.interruptsForSent()) return false;
    cpu.enterKernel("interrupt");
    cpu.runKernel(this.#paths.interrupt, 1);
    cpu.leaveKernel("interrupt");
    return true;
  }

  /**
   * Packets of at most `mtu` arrive, and one system call takes their data. In a `stream` the peer sends ahead, as much as the
   * socket buffer holds, and several packets share an interrupt; otherwise it sends when this is called, and the process,
   * which has slept since, is woken up.
   */
  receive(bytes: number, mtu = MTU, stream = false): void {
    const { cpu, network, networkPath, meter } = this.#machine;
    const payload = mtu - HEADER_BYTES;
    const asked = meter.now;
    if (!stream) this.#halt();
    const from = stream
      ? asked - network.wireCycles(SOCKET_BUFFER)
      : Math.max(asked, this.#handedOver) + network.delayCycles;
    let unacknowledged = 0;
    for (let left = bytes; left > 0; ) {
      const held = stream ? network.packetsHeld(payload, meter.now, networkPath.sendsTogether) : 1;
      const size = Math.min(left, payload * Math.min(held, this.#buffers));
      unacknowledged = this.#packetsArrive(from, size, payload, unacknowledged);
      left -= size;
    }
    if (!stream) cpu.runKernel(this.#paths["context-switch"], 1);
    cpu.enterKernel("system-call");
    this.#pages.copyBytes(bytes);
    this.#packetPages?.takeAll();
    cpu.leaveKernel("system-call");
  }

  /** `size` bytes of payload arrive under one interrupt. Returns how many packets have not been acknowledged. */
  #packetsArrive(from: number, size: number, payload: number, unacknowledged: number): number {
    const { network, networkPath, meter } = this.#machine;
    const packets = Math.ceil(size / payload);
    let arrival = from;
    for (let rest = size; rest > 0; rest -= payload) arrival = network.receive(from, Math.min(rest, payload));
    meter.waitUntil(WAIT_NETWORK, arrival);
    const delivered = networkPath.interrupt(arrival, packets, size + packets * HEADER_BYTES, false);
    meter.waitUntil(WAIT_NETWORK, delivered);
    return this.#handleReceived(packets, Math.ceil(size / packets) + HEADER_BYTES, unacknowledged);
  }

  #handleReceived(packets: number, bytesEach: number, unacknowledged: number): number {
    const { cpu, networkPath } = this.#machine;
    let waiting = unacknowledged;
    cpu.enterKernel("interrupt");
    cpu.runKernel(this.#paths.interrupt, 1);
    this.#packetPages?.interrupt();
    for (let packet = 0; packet < packets; packet++) {
      this.#packetPages?.receive();
      networkPath.complete(bytesEach, false);
      cpu.runKernel(this.#paths["receive-packet"], 1);
      waiting += 1;
      if (waiting < PACKETS_PER_ACKNOWLEDGEMENT) continue;
      this.#machine.network.transmit(this.#transmit(0), 0);
      waiting = 0;
    }
    cpu.leaveKernel("interrupt");
    return waiting;
  }

  /** One segment to the device. Returns the cycle at which the device has it. */
  #transmit(size: number): number {
    const { cpu, networkPath } = this.#machine;
    cpu.runKernel(this.#paths["send-packet"], 1);
    this.#packetPages?.send();
    networkPath.submit(size + HEADER_BYTES, true);
    const ready = networkPath.notify();
    this.#takeInterruptForSent();
    return ready;
  }

  /** Of `packets` sent, take the acknowledgements `perInterrupt` at a time. Returns how many packets have none yet. */
  #takeAcknowledgements(packets: number, perInterrupt: number): number {
    const { cpu, networkPath, meter } = this.#machine;
    const most = Math.min(this.#machine.network.packetsPerInterrupt, this.#buffers);
    let left = packets;
    while (left >= perInterrupt * PACKETS_PER_ACKNOWLEDGEMENT) {
      const count = Math.min(most, Math.floor(left / PACKETS_PER_ACKNOWLEDGEMENT));
      networkPath.interrupt(meter.now, count, count * HEADER_BYTES, false);
      cpu.enterKernel("interrupt");
      cpu.runKernel(this.#paths.interrupt, 1);
      this.#packetPages?.interrupt();
      for (let packet = 0; packet < count; packet++) {
        this.#packetPages?.receive();
        networkPath.complete(HEADER_BYTES, false);
        cpu.runKernel(this.#paths["receive-packet"], 1);
      }
      this.#packetPages?.takeAll();
      cpu.leaveKernel("interrupt");
      left -= count * PACKETS_PER_ACKNOWLEDGEMENT;
    }
    return left;
  }
}
