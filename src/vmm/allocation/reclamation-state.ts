/** Reclamation states by free memory (Waldspurger 2002, section 6.3; ESX 2 to 4.0). */

export const ReclamationState = { High: 0, Soft: 1, Hard: 2, Low: 3 } as const;

/** Free memory, in percent of all, that reclaim aims at. */
export const HIGH_PERCENT = 6;
/** Below these percentages the state is soft, hard, low. */
export const STATE_BOUNDARIES = [4, 2, 1] as const;

/**
 * The next state. A worse state is entered as soon as free memory falls below its boundary; a state is left for a better one
 * only when free memory is above its boundary by the margin (hysteresis; its size was not published).
 */
export function nextReclamationState(state: number, freePercent: number, marginPercent: number): number {
  const entered = stateAt(freePercent, 0);
  if (entered >= state) return entered;
  return Math.min(state, stateAt(freePercent, marginPercent));
}

function stateAt(freePercent: number, margin: number): number {
  let state: number = ReclamationState.High;
  for (const boundary of STATE_BOUNDARIES) if (freePercent < boundary + margin) state++;
  return state;
}
