/** What the guests of the balloon measurement are called; apart, so that a command line can name them and load nothing else. */
export const GUEST_NAMES = ["first", "second"] as const;
export type GuestName = (typeof GUEST_NAMES)[number];
