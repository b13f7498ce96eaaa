import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadAcceptedFigures } from "../../src/analysis/validation/accepted-figures.ts";
import type { ValidatedRow } from "../../src/analysis/validation/validated-row.ts";
import type { Chart } from "../../src/report/charts/chart.ts";
import { validationChart } from "../../src/report/charts/validation.ts";
import { renderSvg } from "../../src/report/render-chart.ts";

const accepted = loadAcceptedFigures();

interface Drawn {
  readonly figure: string;
  readonly ratio: number;
  readonly y: number;
  readonly kind: string;
}

function draw(rows: readonly ValidatedRow[]): {
  dots: readonly Drawn[];
  domain: readonly [number, number];
  width: number;
} {
  const [view] = (chartOf(rows).spec as unknown as { vconcat: View[] }).vconcat;
  const dots = view.layer[view.layer.length - 1];
  return { dots: dots.data.values, domain: dots.encoding.x.scale.domain, width: view.width };
}

function chartOf(rows: readonly ValidatedRow[]): Chart {
  const chart = validationChart({ ...accepted, rows });
  if (chart === undefined) throw new Error("nothing is drawn");
  return chart;
}

interface View {
  readonly width: number;
  readonly layer: readonly {
    readonly data: { readonly values: readonly Drawn[] };
    readonly encoding: { readonly x: { readonly scale: { readonly domain: readonly [number, number] } } };
  }[];
}

function rowsOf(ratios: readonly number[]): ValidatedRow[] {
  return ratios.map((ratio, i) => ({
    ...accepted.rows[0],
    id: `r${i}`,
    source: `Source ${i % 2}, A Title`,
    role: i % 3 === 0 ? "calibration" : "prediction",
    published: 10,
    simulated: 10 * ratio,
    relativeError: ratio - 1,
  }));
}

describe("the chart of the validation", () => {
  it("draws every figure once, within its axis, and none over another at the same height", () => {
    const ratios = fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(ratios, (some) => {
        const { dots, domain, width } = draw(rowsOf(some));
        expect(dots.map(({ figure }) => figure).sort()).toEqual(some.map((_, i) => `r${i}`).sort());
        const placed = dots.map(({ ratio, y }) => ({
          y,
          x: (width * Math.log(ratio / domain[0])) / Math.log(domain[1] / domain[0]),
        }));
        for (const [i, a] of placed.entries()) {
          expect(a.x > 0 && a.x < width).toBe(true);
          for (const b of placed.slice(i + 1)) if (a.y === b.y) expect(Math.abs(a.x - b.x)).toBeGreaterThan(7.99);
        }
      }),
    );
  });

  it("marks what is more than 40 % off, and only that", () => {
    const { dots } = draw(rowsOf([0.59, 0.61, 1, 1.39, 1.41, 9]));
    const off = dots.filter(({ kind }) => kind === "more than 40 % off").map(({ ratio }) => ratio.toFixed(2));
    expect(off.sort()).toEqual(["0.59", "1.41", "9.00"]);
  });

  it("names each source with the number of its rows of each role", async () => {
    const svg = await renderSvg(chartOf(rowsOf([1, 1, 1, 1, 1])).spec);
    for (const label of ["Source 0", "Source 1", "1 calibration<", "2 predictions<", "1 prediction<"])
      expect(svg).toContain(label);
    expect(svg).not.toContain("A Title");
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("names every author that a source is cited by", async () => {
    const svg = await renderSvg(
      chartOf(rowsOf([1]).map((row) => ({ ...row, source: "Amit, Wei and Tu 2017, Calls" }))).spec,
    );
    expect(svg).toContain(">Amit, Wei and Tu 2017<");
  });
});
