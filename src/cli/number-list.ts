import { InputError } from "../core/input-error.ts";

export interface NumberRange {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

/**
 * `1,1.5,2` of an option as numbers, all different. Throws an {@link InputError} that names the value that is not one or is
 * there twice.
 */
export function parseNumberList(option: string, text: string, range: NumberRange): number[] {
  const { least, most, whole } = range;
  const values = text.split(",").map((item) => {
    const value = numberIn(item, range);
    if (value !== undefined) return value;
    const kind = whole ? "whole numbers" : "numbers";
    throw new InputError(`${option}: expected ${kind} from ${least} to ${most}, separated by commas; found "${item}"`);
  });
  const twice = values.find((value, i) => values.indexOf(value) < i);
  if (twice !== undefined) throw new InputError(`${option}: ${twice} is there twice in "${text}"`);
  return values;
}

/** `0.05` of an option as a number. Throws an {@link InputError} when it is none. */
export function parseNumber(option: string, text: string, range: NumberRange): number {
  const { least, most, whole } = range;
  const value = numberIn(text, range);
  if (value !== undefined) return value;
  throw new InputError(
    `${option}: expected a ${whole ? "whole " : ""}number from ${least} to ${most}; found "${text}"`,
  );
}

function numberIn(text: string, { least, most, whole }: NumberRange): number | undefined {
  const value = Number(text);
  const valid = /^\s*[0-9]+(\.[0-9]+)?\s*$/.test(text) && value >= least && value <= most;
  return valid && (!whole || Number.isInteger(value)) ? value : undefined;
}
