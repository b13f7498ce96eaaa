export async function writeExplanation(_: unknown, out: string): Promise<string> {
  return out;
}
