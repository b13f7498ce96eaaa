/**
 * Data of charts as text by columns. In JSON each row of a table repeats the names of its columns, which makes the file of a
 * chart with hundreds of rows twice as large; Vega-Lite reads tab-separated values inside a specification as well.
 */

type Value = string | number | boolean | null;
type Row = Readonly<Record<string, Value>>;

/** Tables with such a text stay as they are, so that whoever reads the others need not know of quotes. */
const NEEDS_QUOTES = /["\t\n\r]/;
/** Shorter tables stay as they are. */
const LEAST_ROWS = 20;

/** The same specification with its long inline tables as tab-separated text. */
export function withColumnData(spec: unknown): unknown {
  if (Array.isArray(spec)) return spec.map(withColumnData);
  if (typeof spec !== "object" || spec === null) return spec;
  const entries = Object.entries(spec);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, key === "data" ? dataOf(value) : withColumnData(value)]),
  );
}

function dataOf(data: unknown): unknown {
  if (typeof data !== "object" || data === null || !("values" in data) || "format" in data) return data;
  const { values } = data;
  if (!Array.isArray(values) || values.length < LEAST_ROWS || !values.every(isRow)) return data;
  const columns = [...new Set(values.flatMap((row) => Object.keys(row)))];
  const types = columns.map((column) => typeOf(values, column));
  // A column that is missing in some rows, or has values of several types, would come back as something else.
  if (types.includes(undefined)) return data;
  const lines = [columns, ...values.map((row) => columns.map((column) => String(row[column])))];
  if (lines.some((line) => line.some((text) => NEEDS_QUOTES.test(text)))) return data;
  const text = lines.map((line) => line.join("\t")).join("\n");
  const parse = Object.fromEntries(columns.map((column, i) => [column, types[i]]));
  return { ...data, values: text, format: { type: "tsv", parse } };
}

function isRow(value: unknown): value is Row {
  return (
    typeof value === "object" && value !== null && Object.values(value).every((field) => typeof field !== "object")
  );
}

function typeOf(rows: readonly Row[], column: string): string | undefined {
  const types = new Set(rows.map((row) => typeof row[column]));
  const [type] = types;
  return types.size === 1 && type !== "undefined" ? type : undefined;
}
