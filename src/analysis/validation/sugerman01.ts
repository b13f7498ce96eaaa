/**
 * Sugerman, Venkitachalam, Lim, USENIX ATC 2001: where the time of a TCP transmit run goes on VMware Workstation (its table
 * in section 3.4, with the optimisations of that section), and how much more CPU time than natively version 2.0 took.
 */
import type { MeasuredCost } from "../../sim/microbenchmarks/microbenchmark.ts";
import type { Bench, Role, ValidationRow, ValidationSet, VmmReference } from "./validation-set.ts";

const MACHINE = "piii-733-sugerman01";
const OPERATION = "tcp-transmit-1500";
const VERSION_2: VmmReference = {
  workstation: {
    network: { hosted: { registersInVmm: false, combinedSends: 0, sharedMemoryNotification: false } },
  },
};

/** Causes outside the VMM: the VMApp and the host send and receive, and the Lance's transmit path. */
const OUTSIDE = ["io.hosted.host-send", "io.hosted.host-receive", "io.hosted.transmit-emulation"];

function run(bench: Bench): MeasuredCost {
  return bench.operation(MACHINE, "workstation", OPERATION);
}

function cyclesOf({ ledger }: MeasuredCost, causes: readonly string[]): number {
  return causes.reduce((sum, cause) => sum + (ledger[cause] ?? 0), 0);
}

function percent(category: string, role: Role, causes: readonly string[], reason?: string): ValidationRow {
  return {
    id: `sugerman01.pct.${category}`,
    role,
    simulate: (bench) => (100 * cyclesOf(run(bench), causes)) / run(bench).cost,
    ...(reason === undefined ? {} : { reason }),
  };
}

/** Mean duration of the events of a cause. */
function microseconds(category: string, cause: string, role: Role = "calibration"): ValidationRow {
  return {
    id: `sugerman01.us.${category}`,
    role,
    simulate: (bench) => {
      const { ledger, events } = run(bench);
      return ledger[cause] / events[cause] / bench.profile(MACHINE).megahertz;
    },
  };
}

function busyCycles(bench: Bench, vmm: VmmReference): number {
  const measured = bench.operation(MACHINE, vmm, OPERATION);
  return measured.cost - cyclesOf(measured, ["wait.network"]);
}

/** CPU time per packet of Workstation 2.0 over that of bare metal. */
function cpuTime(bound: "lo" | "hi"): ValidationRow {
  return {
    id: `sugerman01.cpu.${bound}`,
    role: "prediction",
    simulate: (bench) => busyCycles(bench, VERSION_2) / busyCycles(bench, "native"),
  };
}

const NOT_SEPARATE = "how the source divides the monitor's own time into categories is not known";

export const SUGERMAN01: ValidationSet = {
  name: "sugerman01",
  source: "Sugerman et al. 2001, Virtualizing I/O Devices on VMware Workstation's Hosted Virtual Machine Monitor",
  rows: [
    {
      id: "sugerman01.pct.total-vmm-time",
      role: "prediction",
      simulate: (bench) => 100 * (1 - cyclesOf(run(bench), OUTSIDE) / run(bench).cost),
    },
    percent("total-transmitting-via-vmnet", "prediction", ["io.hosted.host-send"]),
    microseconds("total-transmitting-via-vmnet", "io.hosted.host-send"),
    percent(
      "total-receiving-via-vmnet",
      "prediction",
      ["io.hosted.host-receive"],
      "an acknowledgement comes for every second packet here; the source's share means one for every seventh, or 6.3 us for each, where its " +
        "table has 22.7 us, as for sending a packet of full size",
    ),
    microseconds("total-receiving-via-vmnet", "io.hosted.host-receive", "prediction"),
    percent("total-emulating-the-lance-transmit-path", "prediction", ["io.hosted.transmit-emulation"]),
    microseconds("total-emulating-the-lance-transmit-path", "io.hosted.transmit-emulation"),
    percent("vmm-guest-idle", "prediction", ["wait.network"]),
    percent("vmm-instructions-needing-no-virtualization", "prediction", ["guest.kernel"]),
    percent(
      "vmm-guest-context-switches",
      "prediction",
      ["vmm.shadow.root-switch"],
      "a sender that waits is not switched away from: Linux 2.4 keeps the address space when it idles. 2.2 did not, and woke a sender at each " +
        "acknowledgement (net/ipv4/tcp.c, tcp_write_space): the source's share is 10,700 cycles a switch if it slept every time, where what one " +
        "costs is known from Workstation 3.2 on a Pentium 4 alone, 40,466",
    ),
    percent(
      "vmm-host-irq-processing-while-guest-idle",
      "prediction",
      ["io.hosted.host-interrupt", "hardware.interrupt", "io.hosted.switch.interrupt"],
      NOT_SEPARATE,
    ),
    percent("vmm-virtualizing-privileged-instructions", "prediction", ["vmm.translation"], NOT_SEPARATE),
    percent("vmm-in-out-to-the-pic", "calibration", ["io.hosted.interrupt-controller"]),
    microseconds("vmm-in-out-to-the-pic", "io.hosted.interrupt-controller"),
    percent("vmm-virtualizing-guest-irqs", "calibration", ["vmm.trap"]),
    percent("vmm-in-out-to-the-lance-status-register", "calibration", ["io.hosted.device-access"]),
    microseconds("vmm-in-out-to-the-lance-status-register", "io.hosted.device-access"),
    percent(
      "vmm-entering-leaving-virtualization-code",
      "prediction",
      ["vmm.translation.translator", "vmm.translation.callout"],
      NOT_SEPARATE,
    ),
    percent(
      "vmm-in-out-to-the-lance-that-world-switch",
      "prediction",
      ["io.hosted.switch.send"],
      "part of the accesses only; the source seems to count the switch itself elsewhere",
    ),
    cpuTime("lo"),
    cpuTime("hi"),
  ],
};
