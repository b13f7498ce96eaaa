import { InputError } from "../../core/input-error.ts";

/** What a user's policy returned cannot be carried out: wrong input, though it is found only while a host is simulated. */
export class WrongAnswer extends InputError {}
