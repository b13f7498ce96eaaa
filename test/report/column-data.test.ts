import * as fc from "fast-check";
import * as vega from "vega";
import { describe, expect, it } from "vitest";
import { withColumnData } from "../../src/report/column-data.ts";

interface WithText {
  readonly data: { readonly values: string; readonly format: Parameters<typeof vega.read>[1] };
}

const row = fc.record({
  name: fc.stringMatching(/^[^"\t\n\r]*$/),
  "a [unit], of": fc.double({ noNaN: true, noDefaultInfinity: true }),
  yes: fc.boolean(),
});

describe("data by columns", () => {
  it("are read by Vega as the rows that they were", () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 50, maxLength: 60 }), (values) => {
        const { data } = withColumnData({ data: { values } }) as WithText;
        expect(typeof data.values).toBe("string");
        const read = vega.read(data.values, data.format) as typeof values;
        // The empty text is no value to Vega; -0 is 0.
        const expected = values.map((one) => ({
          ...one,
          name: one.name === "" ? null : one.name,
          "a [unit], of": one["a [unit], of"] + 0,
        }));
        expect(read.map((one) => ({ ...one }))).toEqual(expected);
      }),
    );
  });

  it("stay rows where there are few, where a column has values of several types or is missing in some, and where texts need quotes", () => {
    const few = { data: { values: [{ a: 1 }] } };
    const mixed = { data: { values: Array.from({ length: 60 }, (_, i) => ({ a: i === 3 ? "x" : i })) } };
    const missing = { data: { values: Array.from({ length: 60 }, (_, i) => (i === 3 ? {} : { a: i })) } };
    const odd = { data: { values: Array.from({ length: 60 }, (_, i) => ({ a: `${i} "quoted"` })) } };
    for (const spec of [few, mixed, missing, odd]) expect(withColumnData({ layer: [spec] })).toEqual({ layer: [spec] });
  });
});
