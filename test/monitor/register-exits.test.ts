/**
 * How often a guest leaves guest mode for its devices, held against the accesses to registers that its drivers and its kernel make by
 * their sources: an exit for each access, and one for each interrupt.
 */
import { describe, expect, it } from "vitest";
import { loadMachine } from "../../src/experiment/documents/load-machine.ts";
import type { GuestKernel } from "../../src/guest/kernel.ts";
import { Ledger } from "../../src/core/ledger.ts";
import type { MachineProfile } from "../../src/machine/profile.ts";
import { primitiveCost } from "../../src/machine/profile.ts";
import { bootGuest } from "../../src/sim/monitor.ts";
import type { Vmm } from "../../src/vmm/contract.ts";
import { hardwareAssist } from "../../src/vmm/cpu/hardware-assist.ts";
import { esx } from "../../src/vmm/esx.ts";
import { esx4 } from "../../src/vmm/esx-4.ts";
import { vmkernelDisk, vmkernelNetwork } from "../../src/vmm/io/vmkernel.ts";
import { kvm } from "../../src/vmm/kvm.ts";
import { native } from "../../src/vmm/native.ts";
import { uml } from "../../src/vmm/uml.ts";
import { workstation } from "../../src/vmm/workstation.ts";
import { xenHvm } from "../../src/vmm/xen-hvm.ts";
import { xenPv } from "../../src/vmm/xen-pv.ts";
import { OperationStreamBuilder } from "../../src/workload/operation-stream.ts";
import { CORE_2, SMALL_GUEST, XEON } from "./machines.ts";

const SERVER = loadMachine("machines/x86-64-server.yaml").profile;

const EXITS = "event.exits";

type Operation = (kernel: GuestKernel) => void;

const tick: Operation = ({ entries }) => entries.timerInterrupt();
const receiveTwo: Operation = ({ network }) => network.receive(2 * 1448);
const readDisk: Operation = ({ blocks }) => blocks.withoutDevice(1, false);

function perform(vmm: Vmm, profile: MachineProfile, operation: Operation) {
  const workload = {
    name: "test",
    guest: SMALL_GUEST,
    stream: new OperationStreamBuilder().finish(),
    durationUs: 0,
    warmupUs: 0,
  };
  const { kernel, machine } = bootGuest(vmm, profile, workload);
  operation(kernel);
  machine.meter.ledger = new Ledger();
  operation(kernel);
  const { ledger } = machine.meter;
  return { events: ledger.eventsByCause(), cycles: ledger.cyclesByCause(), total: ledger.total };
}

const exits = (vmm: Vmm, profile: MachineProfile, operation: Operation): number =>
  perform(vmm, profile, operation).events[EXITS];

/** By port, in the order of the code, Linux 2.4.20: do_IRQ, timer_interrupt, end_8259A_irq; outb_p and inb_p write to 0x80 after that. */
const TICK_2_4 = [0x21, 0x21, 0x20, 0x43, 0x80, 0x40, 0x80, 0x40, 0x21];
/** mask_and_ack_8259A, a line of the second controller, and end_8259A_irq. */
const DEVICE_2_4 = [0xa1, 0xa1, 0xa0, 0x20, 0xa1];
/** By register, Linux 6.1: ack_APIC_irq, lapic_next_event. */
const TICK_6_1 = ["EOI", "TMICT"];
const DEVICE_6_1 = ["EOI"];
/** Pauses, for which Xen does not intercept the port: its bitmap of ports has a hole there (3.0.3, vmx.c and vmcb.c). */
const PAUSES = TICK_2_4.filter((port) => port === 0x80).length;
const INTERRUPT = 1;

const MACHINES = [
  { name: "core2-asplos06", profile: CORE_2, ofTick: TICK_2_4.length, ofDevice: DEVICE_2_4.length },
  { name: "x86-64-server", profile: SERVER, ofTick: TICK_6_1.length, ofDevice: DEVICE_6_1.length },
];

describe.each(MACHINES)("on $name a guest in guest mode leaves it", ({ profile, ofTick, ofDevice }) => {
  const assistedEsx = { ...esx, cpu: hardwareAssist() };

  it.each([esx4, kvm, assistedEsx].map((vmm) => ({ name: vmm.name, vmm })))(
    "for a tick of its clock and each access that acknowledges it: $name",
    ({ vmm }) => {
      expect(exits(vmm, profile, tick)).toBe(INTERRUPT + ofTick);
    },
  );

  it("for each access to a SCSI controller (mailbox, doorbell, status, acknowledgement), and those to interrupt controllers", () => {
    expect(exits(esx4, profile, readDisk)).toBe(2 + INTERRUPT + 2 + ofDevice);
  });

  it("once to say that there is work on a ring, and once to see what has come", () => {
    expect(exits(kvm, profile, readDisk)).toBe(1 + INTERRUPT + 1 + ofDevice);
  });

  it("for a packet of its Lance that comes: four accesses and those to interrupt controllers", () => {
    const one = INTERRUPT + 4 + ofDevice;
    const { events } = perform(assistedEsx, profile, receiveTwo);
    // An acknowledgement is sent for every second packet, by one access.
    const sent = events["io.device-emulation"] - 4 * 2;
    expect(sent).toBe(1);
    expect(events[EXITS]).toBe(2 * one + sent);
  });

  it("for as many accesses as the parts are told", () => {
    for (const accesses of [0, 1, 7]) {
      const disk = vmkernelDisk({ submitAccesses: accesses, interruptAccesses: 2 * accesses });
      expect(exits({ ...esx4, disk }, profile, readDisk)).toBe(3 * accesses + INTERRUPT + ofDevice);
    }
  });
});

/** `exitCycles`: of the way out of guest mode and back in. */
function readOnAssisted(exitCycles: number, taggedTlb = true) {
  return perform({ ...esx4, cpu: hardwareAssist({ taggedTlb, exitCycles }) }, CORE_2, readDisk);
}

const kernelMisses = (tagged: boolean): number => readOnAssisted(500, tagged).events["hardware.tlb-miss.kernel"] ?? 0;

it("pays for the way out and in at every access, and finds its TLB empty where entries have no tags", () => {
  const accesses = 2 + 2 + DEVICE_2_4.length;
  expect(readOnAssisted(5000).total - readOnAssisted(500).total).toBe(4500 * (accesses + INTERRUPT));
  // The kernel's own pages, all of which it has just visited.
  expect(kernelMisses(true)).toBe(0);
  expect(kernelMisses(false)).toBeGreaterThan(0);
});

it("calls the emulation from translated code, which takes no exit: the emulation's price for each access alone", () => {
  const register = primitiveCost(XEON, "esx.device-access");
  const { cycles, events } = perform(esx, XEON, tick);
  expect(cycles["io.interrupt-controller"]).toBe(TICK_2_4.length * register);
  expect(events["vmm.translation.callout"] ?? 0).toBe(0);
  expect(perform(esx, XEON, readDisk).cycles["io.device-emulation"]).toBe(4 * register);
  expect(perform({ ...esx, network: vmkernelNetwork() }, XEON, tick).events[EXITS] ?? 0).toBe(0);
});

it("has a tick of VMware Workstation go through the host, where its clock's interrupt is handled by a kernel of the same paths", () => {
  const { cycles, events } = perform(workstation, XEON, tick);
  expect(events["io.hosted.switch.tick"]).toBe(2);
  const { interrupt, "timer-interrupt": timer } = XEON.kernelPaths;
  expect(cycles["io.hosted.host-interrupt"]).toBe(interrupt + timer);
  const controller = primitiveCost(XEON, "hosted.interrupt-controller-access");
  expect(cycles["io.hosted.interrupt-controller"]).toBe(TICK_2_4.length * controller);
});

it("has the hypervisor, not the device model, answer for interrupt controllers and timer of a Xen guest", () => {
  const { events } = perform(xenHvm, CORE_2, tick);
  expect(events[EXITS]).toBe(INTERRUPT + TICK_2_4.length - PAUSES);
  expect(Object.keys(events).filter((name) => name.startsWith("io.backend"))).toEqual([]);
});

it.each([native, xenPv, uml].map((vmm) => ({ name: vmm.name, vmm })))(
  "emulates no controller for $name: its accesses are in the kernel's path, or it has none",
  ({ vmm }) => {
    const { events } = perform(vmm, XEON, tick);
    expect(Object.keys(events).filter((name) => name.startsWith("io."))).toEqual([]);
  },
);
