import { type Sensitivity, sensitivities } from "../../analysis/sensitivity.ts";
import type { Results } from "../../analysis/results.ts";
import { twoDecimals } from "../../analysis/service-level.ts";
import { type Chart, chartIds, type ChartKind, chartOf, type View } from "./chart.ts";
import { hostNote } from "./overcommit.ts";

const WIDTH = 380;
const BAR = 30;
const COLOURS = { lower: "#88ccee", higher: "#cc6677" };

/** A tornado for each strategy: the highest ratio with each input changed, the input that moves it most on top. */
export const sensitivityChart: ChartKind = {
  name: "sensitivity",
  summary: "how the highest overcommit ratio moves when an uncertain input is changed",
  needs: "cells of blocks that vary an input of another (overcommit --sensitivity)",
  draw(results) {
    const answers = sensitivities(results).filter(({ inputs }) => inputs.length > 0);
    const ids = chartIds(
      "sensitivity",
      answers.map(({ curve }) => [curve.block, curve.strategy]),
    );
    return answers.map((answer, index) => draw(results, answer, ids[index]));
  },
};

function draw(results: Results, answer: Sensitivity, id: string): Chart {
  const { curve, limit, inputs, sentence } = answer;
  const subtitle =
    `Highest overcommit ratio that keeps the service level, ${twoDecimals(limit)} as it is (line), and with one input at a time ` +
    `changed as the bar says. ${hostNote(results, curve)}.`;
  const title =
    inputs[0].swing > 0
      ? `${curve.strategy}: how far it can go hangs mostly on ${inputs[0].input}`
      : `${curve.strategy}: none of the inputs varied moves how far it can go`;
  return chartOf(results, { id, title, subtitle, width: WIDTH + 160 }, view(answer), sentence);
}

function view({ limit, inputs }: Sensitivity): View {
  const values = inputs.flatMap(({ input, limits }) =>
    limits.map((one) => ({
      input,
      side: `${one.side} value`,
      limit: one.limit,
      unchanged: limit,
      text: `${one.to}: ${twoDecimals(one.limit)}`,
    })),
  );
  const x = limitAxis([limit, ...values.map((one) => one.limit)]);
  const y = { field: "input", type: "nominal", title: null, sort: inputs.map(({ input }) => input) };
  return {
    width: WIDTH,
    height: { step: BAR },
    data: { values },
    layer: [
      ...bars(x, y),
      {
        data: { values: [{ unchanged: limit }] },
        mark: { type: "rule", color: "#222222", strokeWidth: 1.5 },
        encoding: { x: { ...x, field: "unchanged" } },
      },
      {
        mark: { type: "text", align: "left", baseline: "middle", fontSize: 11 },
        encoding: { x: { value: WIDTH + 10 }, y, yOffset: SIDE, text: { field: "text" } },
      },
    ],
  };
}

const SIDE: View = { field: "side", type: "nominal", sort: ["lower value", "higher value"] };

function limitAxis(limits: readonly number[]): View {
  const [low, high] = [Math.min(...limits), Math.max(...limits)];
  const room = Math.max(0.25, (high - low) * 0.12);
  return {
    type: "quantitative",
    title: "highest overcommit ratio: configured memory of all VMs / host memory for VMs",
    scale: { domain: [low - room, high + room], zero: false, nice: false },
    axis: { format: "~g", tickCount: 6 },
  };
}

/** From the limit with the input as it is to that with the changed one, where a tick ends the bar. */
function bars(x: View, y: View): readonly View[] {
  const color = {
    field: "side",
    type: "nominal",
    scale: { domain: ["lower value", "higher value"], range: [COLOURS.lower, COLOURS.higher] },
    legend: { title: "input", orient: "bottom" },
  };
  return [
    {
      mark: { type: "bar", height: { band: 0.8 } },
      encoding: { x: { ...x, field: "unchanged" }, x2: { field: "limit" }, y, yOffset: SIDE, color },
    },
    {
      mark: { type: "tick", thickness: 2, color: "#222222", height: { band: 0.8 } },
      encoding: { x: { ...x, field: "limit" }, y, yOffset: SIDE },
    },
  ];
}
