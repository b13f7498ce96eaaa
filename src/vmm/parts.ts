// Generated from the folder by `npm run registries`; a test checks that it is current.
import type { PartDefinition } from "./contract.ts";

/** Every part of the package. */
export const PARTS: readonly PartDefinition[] = [
];
