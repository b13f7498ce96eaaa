// Generated from the folder by `npm run registries`; a test checks that it is current.
import { sosp03Applications } from "./sosp03-applications.ts";
import { sosp03Memory } from "./sosp03-memory.ts";
import { sosp03Processes } from "./sosp03-processes.ts";
import { sosp03Switches } from "./sosp03-switches.ts";
import type { ValidationSet } from "./validation-set.ts";

export { sosp03Applications, sosp03Memory, sosp03Processes, sosp03Switches };

/** Every set of published figures. */
export const VALIDATION_SETS: readonly ValidationSet[] = [
  sosp03Applications,
  sosp03Memory,
  sosp03Processes,
  sosp03Switches,
];
