/** How qmemman divides memory among domains. All amounts in KiB. */
import { clamp, MIB, sumOf, type VmObservations } from "./policy-contract.ts";

/** A little is always left over, so that a division never asks for more than there is. */
const SCALE = 0.999;

export interface QmemmanParameters extends Record<string, number | boolean> {
  usedFactor: number;
  leastPreferredMib: number;
  dom0ExtraMib: number;
  ignoredSurplusMib: number;
  gainMib: number;
  transferMib: number;
  reserveMib: number;
  safetyFactor: number;
  overheadFactor: number;
}

export interface QmemmanDomain {
  readonly name: string;
  readonly actual: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly preferred: number;
}

/** What a domain would like to have, by what it says it uses. */
export function domainOf(parameters: QmemmanParameters, vm: VmObservations): QmemmanDomain {
  const { name, actual, minimum, maximum, guest } = vm;
  const { usedFactor, leastPreferredMib, dom0ExtraMib } = parameters;
  const wanted = usedFactor * Math.max(0, actual - (guest?.available ?? 0));
  const least = Math.min(maximum, Math.max(minimum, leastPreferredMib * MIB));
  const preferred = name === "dom0" ? Math.min(wanted + dom0ExtraMib * MIB, maximum) : clamp(wanted, least, maximum);
  return { name, actual, minimum, maximum, preferred };
}

/** Target of each domain, in their order; `free`: what the hypervisor can give. */
export function qmemmanTargets(domains: readonly QmemmanDomain[], free: number, ignored = 10 * MIB): readonly number[] {
  const spare = free - sumOf(domains, ({ preferred, actual }) => preferred - actual);
  const targets = spare > 0 ? divideSpare(domains, spare) : divideShortage(domains, free, ignored);
  return domains.map(({ minimum, maximum }, i) => clamp(targets[i], Math.min(minimum, maximum), maximum));
}

/** Everybody gets its preference and a part of the rest; what a domain at its maximum cannot take goes to the others. */
function divideSpare(domains: readonly QmemmanDomain[], spare: number): readonly number[] {
  const targets = new Map<QmemmanDomain, number>();
  let open = domains;
  let rest = spare;
  while (open.length > 0) {
    const preferred = sumOf(open, (domain) => domain.preferred);
    const part = (domain: QmemmanDomain): number =>
      SCALE * (domain.preferred + (preferred > 0 ? (rest * domain.preferred) / preferred : 0));
    const full = open.filter((domain) => part(domain) > domain.maximum);
    for (const domain of full.length > 0 ? full : open) targets.set(domain, Math.min(part(domain), domain.maximum));
    if (full.length === 0) break;
    rest -= sumOf(full, (domain) => domain.maximum - domain.preferred);
    open = open.filter((domain) => !full.includes(domain));
  }
  return domains.map((domain) => targets.get(domain) ?? domain.actual);
}

/** Those above their preference go down to it; those below divide what that frees. */
function divideShortage(domains: readonly QmemmanDomain[], free: number, ignored: number): readonly number[] {
  const surplus = ({ actual, preferred }: QmemmanDomain): number =>
    actual - preferred > ignored ? actual - preferred : 0;
  const pool = Math.max(0, free + sumOf(domains, surplus));
  const needy = domains.filter(({ actual, preferred }) => actual < preferred);
  const wanted = sumOf(needy, ({ preferred }) => preferred);
  return domains.map((domain) => {
    if (surplus(domain) > 0) return domain.preferred;
    if (domain.actual >= domain.preferred) return domain.actual;
    return SCALE * (domain.actual + (pool * domain.preferred) / wanted);
  });
}
