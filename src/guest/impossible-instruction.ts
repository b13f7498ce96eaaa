import { InputError } from "../core/input-error.ts";

/** A VMM's guests cannot execute an instruction, whatever the machine: their kernel would stop. The message says why. */
export class ImpossibleInstruction extends InputError {}
