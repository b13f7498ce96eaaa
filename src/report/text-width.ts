/**
 * Widths of text in DejaVu Sans, read from the font itself. Without a canvas Vega guesses 0.8 em a character, which leaves
 * holes in the layout; with these widths an SVG looks as laid out wherever that font (or Verdana, as wide) is there.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Files of the regular and the bold face. */
export const FONT_FILES = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"].map((file) =>
  join(dirname(fileURLToPath(import.meta.resolve("dejavu-fonts-ttf/package.json"))), "ttf", file),
);

let faces: readonly ((character: number) => number)[] | undefined;

/** Width in pixels of one line at a font size in pixels. */
export function textWidth(text: string, fontSize: number, bold: boolean): number {
  faces ??= FONT_FILES.map((file) => advances(readFileSync(file)));
  const advance = faces[bold ? 1 : 0];
  let em = 0;
  for (const character of text) em += advance(character.codePointAt(0) ?? 0);
  return em * fontSize;
}

/** Advance width in em by code point, from the tables head, hhea, hmtx and cmap (OpenType specification 1.9). */
function advances(file: Buffer): (character: number) => number {
  const tables = new Map<string, number>();
  for (let i = 0; i < file.readUInt16BE(4); i++) {
    const record = 12 + 16 * i;
    tables.set(file.toString("latin1", record, record + 4), file.readUInt32BE(record + 8));
  }
  const table = (name: string): number => tables.get(name) ?? 0;
  const unitsPerEm = file.readUInt16BE(table("head") + 18);
  const metrics = file.readUInt16BE(table("hhea") + 34);
  const glyphOf = segmentMapping(file, table("cmap"));
  return (character) => {
    const glyph = Math.min(glyphOf(character), metrics - 1);
    return file.readUInt16BE(table("hmtx") + 4 * glyph) / unitsPerEm;
  };
}

/** Glyph by code point from the first cmap subtable of format 4 (segments of the basic plane); 0 for a missing glyph. */
function segmentMapping(file: Buffer, cmap: number): (character: number) => number {
  const subtables = Array.from(
    { length: file.readUInt16BE(cmap + 2) },
    (_, i) => cmap + file.readUInt32BE(cmap + 8 + 8 * i),
  );
  const start = subtables.find((offset) => file.readUInt16BE(offset) === 4);
  if (start === undefined) throw new Error("the font has no character map of format 4");
  const doubled = file.readUInt16BE(start + 6);
  const [ends, starts] = [start + 14, start + 16 + doubled];
  const [deltas, offsets] = [starts + doubled, starts + 2 * doubled];
  return (character) => {
    for (let i = 0; i < doubled; i += 2) {
      if (file.readUInt16BE(ends + i) < character) continue;
      const first = file.readUInt16BE(starts + i);
      if (first > character) return 0;
      const delta = file.readUInt16BE(deltas + i);
      const offset = file.readUInt16BE(offsets + i);
      if (offset === 0) return (character + delta) & 0xffff;
      const glyph = file.readUInt16BE(offsets + i + offset + 2 * (character - first));
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    }
    return 0;
  };
}
