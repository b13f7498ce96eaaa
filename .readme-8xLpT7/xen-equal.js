import { defineVmm, definePart, esx, xenPv } from "vmmbench";

/** Every VM gets the same part of the host, whatever it does with it. */
const equalParts = definePart({
  slot: "allocation",
  name: "equal-parts",
  summary: "The same part of host memory for every VM; balloons do the rest.",
  parameters: {
    keepFreePercent: { summary: "Host memory that nobody gets", default: 6, unit: "%", min: 0, max: 50 },
  },
  create: ({ keepFreePercent }, { memory }) => {
    const part = (/** @type {number} */ vms) =>
      Math.floor((memory.frames.forVms * (1 - keepFreePercent / 100)) / vms);
    return {
      name: "equal-parts",
      populates: false, // memory is backed when it is used, as on ESX
      periodUs: 1e6,
      admit: (requests) => requests.map(({ pages }) => Math.min(pages, part(requests.length))),
      // A VM that starts while others run; the others make room at the next turn.
      start: ({ pages }) => ({ kind: "granted", pages: Math.min(pages, part(memory.vms.length + 1)) }),
      rebalance() {
        for (const vm of memory.vms) vm.target = Math.min(vm.pages, part(memory.vms.length));
      },
    };
  },
});

export const xenEqual = defineVmm({
  ...xenPv,
  name: "xen-equal",
  title: "Xen with equal parts",
  summary: "Xen's CPU, MMU and I/O, ESX's page sharing and balloon, equal parts for all",
  memory: esx.memory,
  allocation: equalParts(),
});
