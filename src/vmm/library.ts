/**
 * What `import ... from "vmmbench"` gives to VMMs and parts outside the package: the contracts, and every VMM and part by
 * name.
 *
 * @example
 * import { defineVmm, esx, hostSwap } from "vmmbench";
 * export const swapper = defineVmm({ ...esx, name: "swapper", title: "ESX, swapping only", memory: [hostSwap()] });
 */
export * from "./contract.ts";
export type * from "./host-contract.ts";
export { definePolicy } from "./memory/policies/define-policy.ts";
export { defineTuner } from "./memory/policies/define-tuner.ts";
export type * from "./memory/policies/policy-contract.ts";
export type * from "./monitor-contract.ts";
export * from "./parts.ts";
export * from "./registry.ts";
