/** Agesen et al. 2010: what is answerable of their history of the VMM, the bare round trip out of the guest and back. */
import type { ValidationSet } from "./validation-set.ts";

export const agesen10: ValidationSet = {
  name: "evol10",
  source: "Agesen et al. 2010, The Evolution of an x86 Virtual Machine Monitor",
  rows: [
    {
      id: "evol10.null.p4",
      // The sum of entry and exit of Adams and Agesen 2006, Table 1, which the machine profile takes as they are.
      role: "calibration",
      simulate: (bench) => {
        const { ledger } = bench.operation("p4-672-asplos06", { workstation: { cpu: "hardware-assist" } }, "in");
        return ledger["vmm.exit.world-switch"] ?? 0;
      },
    },
  ],
};
