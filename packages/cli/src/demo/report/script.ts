/** Script of the page: draws what stands in the JSON element `report`. Plain JavaScript for browsers, with uPlot before it. */
export const pageScript = `
(() => {
const report = JSON.parse(document.getElementById('report').textContent);
const $ = (id) => document.getElementById(id);
const start = report.startedAtMs, end = report.endedAtMs, span = end - start;
const seconds = (ms) => (ms - start) / 1000;
const share = (ms) => Math.min(100, Math.max(0, (ms - start) / span * 100));
const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const make = (tag, attributes = {}, text) => {
  const element = Object.assign(document.createElement(tag), attributes);
  if (text !== undefined) element.textContent = text;
  return element;
};
const tip = make('div', { className: 'tip' });
document.body.append(tip);
const showTip = (event, text) => {
  tip.textContent = text;
  tip.style.display = 'block';
  tip.style.left = Math.min(event.clientX + 14, innerWidth - 440) + 'px';
  tip.style.top = Math.min(event.clientY + 16, innerHeight - tip.offsetHeight - 8) + 'px';
};
const hideTip = () => { tip.style.display = 'none'; };
const withTip = (element, text) => {
  element.addEventListener('mousemove', (event) => showTip(event, text));
  element.addEventListener('mouseleave', hideTip);
};

const names = $('scene-names');
for (const scene of report.scenes) {
  const element = make('span', {}, scene.id.toUpperCase() + '  ' + scene.title);
  element.style.left = share(scene.fromMs) + '%';
  element.style.maxWidth = (share(scene.untilMs) - share(scene.fromMs)) + '%';
  withTip(element, scene.title);
  names.append(element);
}

const marks = [];
const light = (index, on) => {
  for (const element of [marks[index], document.querySelector('tr[data-moment="' + index + '"]')]) element?.classList.toggle('lit', on);
};
const pale = new Set(['syncTarget', 'unknown', 'paused']);
for (const band of report.bands) {
  const row = make('div', { className: 'band' });
  const track = make('div', { className: 'track' });
  row.append(make('div', { className: 'who' }, band.name), track);
  for (const segment of band.segments) {
    if (segment.mode === 'down') continue;
    const element = make('div', { className: 'seg' + (pale.has(segment.mode) ? ' pale' : '') });
    const width = share(segment.untilMs) - share(segment.fromMs);
    element.style.left = share(segment.fromMs) + '%';
    element.style.width = width + '%';
    element.style.background = 'var(--' + segment.mode + ')';
    const text = segment.mode + (segment.epoch > 0 ? ', epoch ' + segment.epoch : '');
    if (width > 7) element.textContent = text;
    withTip(element, band.name + ': ' + text + (segment.sequencer ? ', writes ordered by ' + segment.sequencer : '') + ', for ' + ((segment.untilMs - segment.fromMs) / 1000).toFixed(2) + ' s');
    track.append(element);
  }
  report.moments.forEach((moment, index) => {
    if (moment.source !== band.name) return;
    const mark = make('div', { className: 'mark' });
    mark.style.left = share(moment.atMs) + '%';
    withTip(mark, seconds(moment.atMs).toFixed(2) + ' s: ' + moment.text);
    mark.addEventListener('mouseenter', () => light(index, true));
    mark.addEventListener('mouseleave', () => light(index, false));
    marks[index] = mark;
    track.append(mark);
  });
  $('bands').append(row);
}
const used = [...new Set(report.bands.flatMap((band) => band.segments.map((segment) => segment.mode)))].filter((mode) => mode !== 'down');
for (const mode of used) {
  const key = make('span', { className: 'key' }, mode);
  const block = make('i', { className: 'block' });
  block.style.background = 'var(--' + mode + ')';
  key.prepend(block);
  $('legend').append(key);
}
const rows = $('moments');
report.moments.forEach((moment, index) => {
  const row = make('tr');
  row.dataset.moment = index;
  row.append(
    make('td', { className: 'number' }, seconds(moment.atMs).toFixed(2) + ' s'),
    make('td', {}, moment.source),
    make('td'), make('td', {}, moment.text),
  );
  row.children[2].append(make('span', { className: 'tag ' + moment.kind }, moment.kind === 'decision' ? (moment.mode ?? '') + (moment.epoch ? ' ' + moment.epoch : '') : moment.kind));
  row.addEventListener('mouseenter', () => light(index, true));
  row.addEventListener('mouseleave', () => light(index, false));
  rows.append(row);
});

const bins = report.timeline.bins, binMs = report.timeline.binMs;
const x = bins.map((bin) => seconds(bin.fromMs));
const scenesOn = (plot) => {
  const context = plot.ctx;
  context.save();
  for (const [index, scene] of report.scenes.entries()) {
    const left = plot.valToPos(seconds(scene.fromMs), 'x', true), right = plot.valToPos(seconds(scene.untilMs), 'x', true);
    context.fillStyle = variable('--shade');
    if (index % 2 === 0) context.fillRect(left, plot.bbox.top, right - left, plot.bbox.height);
    context.fillStyle = variable('--edge');
    context.fillRect(left, plot.bbox.top, devicePixelRatio, plot.bbox.height);
  }
  context.restore();
};
const axis = (extra) => ({ stroke: variable('--soft'), grid: { stroke: variable('--line'), width: 1 }, ticks: { stroke: variable('--line'), width: 1 }, font: '12px system-ui', ...extra });
const frame = (element, height, extra) => ({
  width: element.clientWidth, height, padding: [10, 16, 0, 0],
  cursor: { sync: { key: 'time' }, drag: { x: true, y: false }, points: { size: 6 } },
  hooks: { drawClear: [scenesOn] }, ...extra,
});
const sameRange = () => [0, span / 1000];
const milliseconds = (value) => value >= 1000 ? (value / 1000) + ' s' : value + ' ms';
let plots = [];
const draw = () => {
  for (const plot of plots) plot.destroy();
  const latency = $('latency'), rate = $('rate');
  plots = [
    new uPlot(frame(latency, 250, {
      scales: { x: { time: false, range: sameRange }, y: { distr: 3, range: (plot, low, high) => [Math.min(0.2, low ?? 0.2), Math.max(1500, high ?? 1500)] } },
      axes: [axis({ size: 26, values: () => [] }), axis({ size: 64, values: (plot, splits) => splits.map((value) => value === null || Math.log10(value) % 1 !== 0 ? '' : milliseconds(value)) })],
      series: [{},
        { stroke: variable('--longest'), width: 0, points: { show: true, size: 3, fill: variable('--longest'), width: 0 }, paths: () => null },
        { stroke: variable('--median'), width: 1.6, spanGaps: false, points: { show: false } }],
    }), [x, bins.map((bin) => bin.longestMs ?? null), bins.map((bin) => bin.medianMs ?? null)], latency),
    new uPlot(frame(rate, 150, {
      scales: { x: { time: false, range: sameRange } },
      axes: [axis({ size: 34, values: (plot, splits) => splits.map((value) => value + ' s') }), axis({ size: 64 })],
      series: [{}, { stroke: variable('--rate'), fill: variable('--rate') + '33', width: 1.4, points: { show: false } }],
    }), [x, bins.map((bin) => bin.completed * 1000 / binMs)], rate),
  ];
};
draw();
let redraw;
addEventListener('resize', () => { clearTimeout(redraw); redraw = setTimeout(draw, 120); });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
})();
`;
