/** What was thrown, in words: code of others throws whatever it likes. */
export function thrownText(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return "something that has no text was thrown";
  }
}
