// Generated from the folder by `npm run registries`; a test checks that it is current.
import { MENON05, MENON06 } from "./menon06.ts";
import { SOSP03_NETWORK } from "./sosp03-network.ts";
import { sosp03 } from "./sosp03.ts";
import { SUGERMAN01 } from "./sugerman01.ts";
import type { ValidationSet } from "./validation-set.ts";
import { WALTERS08 } from "./walters08.ts";

export { MENON05, MENON06, SOSP03_NETWORK, sosp03, SUGERMAN01, WALTERS08 };

/** Every set of published figures. */
export const VALIDATION_SETS: readonly ValidationSet[] = [
  MENON05,
  MENON06,
  SOSP03_NETWORK,
  sosp03,
  SUGERMAN01,
  WALTERS08,
];
