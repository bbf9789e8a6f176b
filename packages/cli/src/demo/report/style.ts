/** Style of the page. Colours are variables, so that light and dark are one page, and the charts read the same ones. */
export const pageStyle = `
:root { color-scheme: light dark;
  --ground: #f6f7f5; --card: #ffffff; --ink: #1c2321; --soft: #66706c; --line: #e0e4e1; --accent: #0b6e5b; --bad: #b3261e; --good: #0b6e5b;
  --median: #0b6e5b; --longest: #c2570c; --rate: #4c5fa8; --shade: #1c23210d; --edge: #1c232133;
  --mirrored: #2a9d84; --standalone: #e9a23b; --syncSource: #4f7cc4; --syncTarget: #a9c3ea; --suspended: #c8553d; --arbitrating: #c8553d;
  --fenced: #8a6f9e; --paused: #9aa5a0; --unknown: #cfd5d1; --splitBrain: #b3261e; --down: #00000000; --up: #2a9d84; --silent: #c8553d; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #121614; --card: #1a201d; --ink: #e6ebe8; --soft: #93a09a; --line: #2b332f; --accent: #4fc7ab; --bad: #ff8a80; --good: #4fc7ab;
  --median: #4fc7ab; --longest: #f0924c; --rate: #93a5ee; --shade: #ffffff0b; --edge: #ffffff33;
  --mirrored: #2b8f79; --standalone: #c98a2c; --syncSource: #4a74b8; --syncTarget: #34507c; --suspended: #b04a34; --arbitrating: #b04a34;
  --fenced: #75598c; --paused: #5d6762; --unknown: #3a443f; --up: #2b8f79; --silent: #b04a34; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 13px; margin: 0 0 14px; color: var(--soft); font-weight: 600; text-transform: uppercase; letter-spacing: 0.06em; }
p.lead { margin: 0 0 28px; color: var(--soft); max-width: 74ch; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 12px; margin-bottom: 20px; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.tile b { display: block; font-size: 26px; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
.tile span { color: var(--soft); font-size: 13px; }
.tile.good b { color: var(--good); } .tile.bad b { color: var(--bad); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px 18px 16px; margin-bottom: 16px; }
.chart { position: relative; }
.chart + .chart { margin-top: 14px; }
.chart > .name { font-size: 13px; color: var(--soft); margin: 0 0 2px 64px; display: flex; gap: 16px; flex-wrap: wrap; }
.key { display: inline-flex; align-items: center; gap: 6px; }
.key i { width: 14px; height: 3px; border-radius: 2px; display: inline-block; } .key i.block { width: 11px; height: 11px; border-radius: 3px; }
.scene-names { position: relative; height: 22px; margin: 0 16px 0 64px; font-size: 12px; color: var(--soft); }
.scene-names span { position: absolute; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; border-left: 1px solid var(--edge); padding-left: 5px; font-weight: 600; }
.bands { margin: 16px 0 6px; }
.band { display: flex; align-items: center; height: 30px; margin-bottom: 6px; }
.band .who { width: 64px; padding-right: 10px; text-align: right; font-size: 13px; font-weight: 600; flex: none; }
.band .track { position: relative; flex: 1; height: 100%; margin-right: 16px; border-radius: 5px; overflow: hidden;
  background: repeating-linear-gradient(135deg, var(--line) 0 3px, transparent 3px 7px); }
.seg { position: absolute; top: 0; bottom: 0; font-size: 11px; line-height: 30px; padding: 0 6px; color: #fff; overflow: hidden; white-space: nowrap; }
.seg.pale { color: var(--ink); }
.mark { position: absolute; top: 0; bottom: 0; width: 7px; margin-left: -3px; cursor: pointer; }
.mark::after { content: ""; position: absolute; left: 3px; top: 0; bottom: 0; width: 1px; background: var(--ink); opacity: 0.55; }
.mark.lit::after, .mark:hover::after { width: 3px; left: 2px; opacity: 1; }
.legend { display: flex; flex-wrap: wrap; gap: 14px; margin: 10px 16px 0 64px; font-size: 12px; color: var(--soft); }
.tip { position: fixed; z-index: 5; max-width: 420px; pointer-events: none; background: var(--ink); color: var(--ground); padding: 8px 11px; border-radius: 7px; font-size: 13px; display: none; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 12px; padding: 0 12px 8px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 9px 12px 9px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.because { color: var(--soft); min-width: 260px; }
.bar { height: 5px; border-radius: 3px; background: var(--line); overflow: hidden; margin-top: 5px; min-width: 90px; } .bar i { display: block; height: 100%; background: var(--accent); }
.list { max-height: 440px; overflow-y: auto; }
.list tr.lit td { background: var(--shade); }
.tag { font-size: 12px; border-radius: 4px; padding: 1px 7px; background: var(--shade); white-space: nowrap; }
.tag.fault { background: var(--bad); color: var(--card); }
.yes { color: var(--good); font-weight: 600; } .no { color: var(--bad); font-weight: 600; }
code { font: 12.5px/1.4 ui-monospace, "SF Mono", Menlo, monospace; overflow-wrap: anywhere; }
.u-legend { display: none; } .uplot, .u-wrap { width: 100% !important; }
@media (max-width: 700px) { main { padding: 24px 12px; } h1 { font-size: 24px; } }
`;
