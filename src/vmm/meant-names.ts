/** What was probably meant by a name in changes of a VMM that is neither a slot, nor a part, nor a parameter where it stands. */
import { suggestion } from "../core/nearest-name.ts";
import { type Part, type PartDefinition, type Slot, SLOTS } from "./contract.ts";

/** In place of a slot. */
export function slotMeant(name: string, available: readonly PartDefinition[]): string {
  const parts = available.filter((part) => part.name === name);
  if (parts.length > 0) return `did you mean ${parts.map(({ slot }) => `"${slot}.${name}"`).join(" or ")}?`;
  return owners(name, available) ?? suggestion(name, SLOTS);
}

/** In place of a part in a slot, or of a parameter of the part that is there. */
export function partMeant(
  name: string,
  slot: Slot,
  candidates: readonly string[],
  available: readonly PartDefinition[],
): string {
  return owners(name, available, slot) ?? suggestion(name, candidates);
}

/** In place of a parameter of a part. */
export function parameterMeant(name: string, { definition }: Part, available: readonly PartDefinition[]): string {
  const known = Object.keys(definition.parameters);
  return owners(name, available) ?? (known.length === 0 ? "it takes none" : suggestion(name, known));
}

/** Whose parameter it is; undefined if it is nobody's. Of parts in `slot`, if one has it, the slot goes without saying. */
function owners(written: string, available: readonly PartDefinition[], slot?: Slot): string | undefined {
  const all = available.filter((part) => Object.hasOwn(part.parameters, camelCase(written)));
  const here = all.filter((part) => part.slot === slot).map((part) => part.name);
  const names = here.length > 0 ? here : all.map((part) => `${part.slot}.${part.name}`);
  return names.length === 0 ? undefined : `it is a parameter of ${names.join(" and ")}`;
}

/** Matrix files may write parameters like everything else in YAML here, in kebab case. */
export function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
