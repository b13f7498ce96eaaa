import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadPublishedFigures } from "../../src/analysis/validation/published-figures.ts";

const folder = mkdtempSync(join(tmpdir(), "published-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const FIGURE = {
  id: "a.b",
  source: "s",
  figure: "Table 1",
  system: "x",
  workload: "w",
  metric: "latency",
  unit: "us",
  value: 1,
  lowerIsBetter: true,
  confidence: "high",
  provenance: "verified:full-text:tabulated",
};

function load(content: unknown): ReturnType<typeof loadPublishedFigures> {
  const file = join(folder, "figures.json");
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content, undefined, 1));
  return loadPublishedFigures(file);
}

describe("the collection of published figures", () => {
  it.each([
    // Read from the papers: Barham 2003, Tables 3 to 5; Adams and Agesen 2006, section 6.3; Sugerman 2001, section 3.
    ["xen03.t3.l-up.fork-proc", 110, "us"],
    ["xen03.t3.vmw.exec-proc", 2300, "us"],
    ["xen03.t4.xen.2p-0k", 1.97, "us"],
    ["xen03.t5.vmw.page-fault", 12.4, "us"],
    ["aa06.nano.call-ret.bt", 51, "cycles"],
    ["sugerman01.us.vmm-in-out-to-the-lance-status-register", 0.91, "us"],
  ])("has %s as %d %s", (id, value, unit) => {
    expect(loadPublishedFigures().get(id)).toMatchObject({ value, unit });
  });

  it("says of what this project measured itself that it did", () => {
    const measured = [...loadPublishedFigures().values()].filter(({ id }) => /^(ksm|balloon|touched)\./.test(id));
    expect(measured.length).toBeGreaterThan(100);
    for (const { provenance } of measured) expect(provenance).toMatch(/^verified:(own-measurement|theory):/);
  });

  it("has every source that models of the monitor can be held against", () => {
    const sources = new Set([...loadPublishedFigures().keys()].map((id) => id.split(".")[0]));
    const papers = ["xen03", "aa06", "evol10", "atc12", "splitx11", "nested", "menon05", "menon06", "sugerman01"];
    expect([...sources]).toEqual(expect.arrayContaining([...papers, "walters08", "derived"]));
  });

  it.each([
    [[{ ...FIGURE, vlaue: 1 }], 'unknown key "vlaue"; did you mean "value"?'],
    [[{ ...FIGURE, value: "1" }], '[0].value: expected a number, found "1"'],
    [[{ ...FIGURE, id: "No Id" }], '"No Id" is no id of a figure; expected one like xen03.t3.xen.fork-proc'],
    [[{ ...FIGURE, confidence: "hihg" }], 'did you mean "high"?'],
    [[FIGURE, { ...FIGURE, value: 2 }], '[1].id: there is already a figure "a.b"'],
    [{}, "expected a list, found a mapping"],
    ["[{", "figures.json:1"],
  ])("is refused with a sentence when it is wrong: %j", (content, sentence) => {
    expect(() => load(content)).toThrow(sentence);
  });

  it("says where all problems are", () => {
    const wrong = [
      { ...FIGURE, unit: "" },
      { ...FIGURE, id: "c.d", value: null },
    ];
    expect(() => load(wrong)).toThrow(/figures\.json:9:\d+: \[0\]\.unit[^]*figures\.json:\d+:\d+: \[1\]\.value/);
  });
});
