/** Style of the evaluation report; light and dark by the reader's own setting, and ink on paper when printed. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; --ground: #fff; --ink: #1a1f26; --soft: #5a6470; --line: #d8dde3; --panel: #f5f7f9;
  --good: #1f7a4d; --bad: #b3261e; --warn: #8a5a00; --curve: #1f5fbf; --heat: 31, 95, 191; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181d; --ink: #e6eaee; --soft: #a3adb8; --line: #323a44;
  --panel: #1c2229; --good: #5cc48d; --bad: #f2877f; --warn: #e0b050; --curve: #7fb0f5; --heat: 90, 145, 230; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 24px 20px 60px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 36px 0 8px; padding-top: 12px; border-top: 1px solid var(--line); }
p { margin: 6px 0; } .soft, figure p { color: var(--soft); font-size: 13px; }
code { font: 13px ui-monospace, "DejaVu Sans Mono", monospace; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 12px; margin: 18px 0 12px; }
.card { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.card b { display: block; font-size: 26px; line-height: 1.25; } .card h3 { margin: 0; font-size: 13px; color: var(--soft); font-weight: 600; }
.banner { border-left: 4px solid var(--warn); background: var(--panel); padding: 10px 14px; border-radius: 4px; margin: 10px 0; }
.banner.held { border-color: var(--good); } .banner.void { border-color: var(--bad); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 16px; }
.plots.single { max-width: 640px; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; }
figcaption { font-weight: 600; } svg { width: 100%; height: auto; display: block; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 8px 0; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: 13px; } td.number, th.number { text-align: right; }
.confusion td { text-align: center; min-width: 56px; } .confusion td.right { outline: 2px solid var(--good); outline-offset: -3px; }
.thumbs { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px; }
.thumbs figure { padding: 6px; overflow-wrap: anywhere; } .thumbs img { width: 100%; height: 130px; object-fit: contain; background: #000; border-radius: 4px; }
.grid { stroke: var(--line); fill: none; stroke-width: 1; } .tick, .axis, .limit-name { fill: var(--soft); font-size: 11px; }
.axis { font-size: 12px; fill: var(--ink); } .curve { stroke: var(--curve); fill: none; stroke-width: 2; }
.thin { stroke: var(--curve); fill: none; stroke-width: 1; opacity: 0.6; } .reference { stroke: var(--soft); fill: none; stroke-dasharray: 4 4; }
.dot { fill: var(--curve); fill-opacity: 0.75; } rect.good { fill: var(--good); } rect.defective { fill: var(--bad); }
.limit { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 5 3; fill: none; } .limit-name { fill: var(--ink); }
@media print { body { max-width: none; } figure, .card, tr { break-inside: avoid; } }
`;
