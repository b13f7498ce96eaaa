/** Style of the report. Charts keep a light ground in dark mode: their colours are chosen for it. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #222; --quiet: #595959; --ground: #fff; --line: #d0d0d0; --stripe: #f5f5f5; --link: #00518a; --missed: #a31621; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --quiet: #b0b0b0; --ground: #181a1b; --line: #44484a; --stripe: #222526; --link: #8ecbff; --missed: #ff9a94; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 75rem; color: var(--ink); background: var(--ground);
  font: 16px/1.5 system-ui, "DejaVu Sans", Verdana, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; padding-top: .5rem; border-top: 1px solid var(--line); }
p, li { max-width: 46rem; }
main ul { padding-left: 1.4rem; }
main li { margin: .2rem 0; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 1rem; padding: .5rem; background: var(--ground); z-index: 1; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; max-width: none; }
figure { margin: 1.25rem 0; padding: 0; }
.picture { width: fit-content; max-width: 100%; overflow-x: auto; background: #fff; border: 1px solid var(--line); border-radius: 4px; }
.picture svg { display: block; max-width: max(100%, 34rem); height: auto; }
figcaption { color: var(--quiet); font-size: .875rem; margin-top: .35rem; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .9rem; }
caption { text-align: left; color: var(--quiet); padding: .25rem 0 .4rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: normal; }
thead th { font-weight: 600; border-bottom: 2px solid var(--line); }
.n { text-align: right; font-variant-numeric: tabular-nums; }
td.n { white-space: nowrap; }
tbody tr:nth-child(even) { background: var(--stripe); }
tr.missed { color: var(--missed); }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--link); }
pre { overflow-x: auto; padding: .75rem 1rem; background: var(--stripe); border: 1px solid var(--line); border-radius: 4px; font-size: .875rem; }
#vg-tooltip-element { font: 13px/1.4 system-ui, sans-serif; }
@media print {
  :root { --ink: #000; --quiet: #444; --ground: #fff; --line: #bbb; --stripe: #fff; --link: #000; --missed: #a31621; }
  body { max-width: none; padding: 0; font-size: 11pt; }
  nav, .skip { display: none; }
  figure, tr { break-inside: avoid; }
  .picture, .table { overflow: visible; border: 0; }
  .picture svg { max-width: 100%; height: auto; }
}
`;
