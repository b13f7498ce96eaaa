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
export function parseNumberList(option: string, text: string, { least, most, whole }: NumberRange): number[] {
  const kind = whole ? "whole numbers" : "numbers";
  const values = text.split(",").map((item) => {
    const value = Number(item);
    const valid = /^\s*[0-9]+(\.[0-9]+)?\s*$/.test(item) && value >= least && value <= most;
    if (!valid || (whole && !Number.isInteger(value))) {
      throw new InputError(
        `${option}: expected ${kind} from ${least} to ${most}, separated by commas; found "${item}"`,
      );
    }
    return value;
  });
  const twice = values.find((value, i) => values.indexOf(value) < i);
  if (twice !== undefined) throw new InputError(`${option}: ${twice} is there twice in "${text}"`);
  return values;
}
