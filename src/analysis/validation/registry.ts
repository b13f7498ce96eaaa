// Generated from the folder by `npm run registries`; a test checks that it is current.
import { sosp03 } from "./sosp03.ts";
import type { ValidationSet } from "./validation-set.ts";

export { sosp03 };

/** Every set of published figures. */
export const VALIDATION_SETS: readonly ValidationSet[] = [sosp03];
