import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const folders = [
  "docs",
  "workloads",
  "machines",
  "experiments",
  "reports",
  "results",
  "scripts",
  "bench",
  "src",
  "test",
];
const pages = [
  ...readdirSync(root),
  ...folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => join(folder, file)),
  ),
].filter((file) => file.endsWith(".md"));

/** As GitHub names a heading: lower case, without what is neither letter, digit, space nor hyphen; spaces are hyphens. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

function anchorsOf(page: string): Set<string> {
  return new Set([...readFileSync(page, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading)));
}

/** What links of a page point at that is not there; links to other hosts are not followed. */
function brokenLinks(page: string): string[] {
  const text = readFileSync(page, "utf8").replace(/^```[\s\S]*?^```/gm, "");
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [path, anchor] = target.split("#");
    const file = path === "" ? page : join(dirname(page), path);
    return !existsSync(file) || (anchor !== undefined && !anchorsOf(file).has(anchor));
  });
}

it("has pages to look at", () => {
  expect(pages).toContain("README.md");
  expect(pages).toContain("docs/decisions.md");
});

it.each(pages)("%s has no link that leads nowhere", (page) => {
  expect(brokenLinks(join(root, page)).map((link) => `${relative(root, page)}: ${link}`)).toEqual([]);
});
