/** Durations and points in simulated time are in microseconds, unless a name says otherwise. */
export const SECOND_US = 1e6;
