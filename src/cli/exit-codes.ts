/** Exit codes of the command; 0: done. */
export const EXIT = {
  /** The command did what it should, and found something: a cell failed, a figure could not be simulated. */
  finding: 1,
  /** The command line, or a file that it names, is wrong, or a policy of the user's asked for what nobody can do; the other cells are stored. */
  badInput: 2,
  /** A bug of vmmbench itself. */
  bug: 70,
  /** Stopped by Ctrl-C or SIGTERM; finished cells are stored. */
  interrupted: 130,
} as const;
