// A chart of lines over time, drawn as SVG.

const SVG = 'http://www.w3.org/2000/svg';
const BOX = {width: 440, height: 170, left: 64, right: 8, top: 8, bottom: 22};
const COLOURS = 8;
const AXIS_UNITS = ['ratio', 'bytes', 'bytes/s', 'seconds', '/s'];

const svg = (name, attributes = {}, text = '') => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
};

/* A round distance between lines of the grid, so that about four fit. */
const roundStep = (size, unit) => {
  const rough = size / 4;
  if (unit.startsWith('bytes')) return 2 ** Math.ceil(Math.log2(rough));
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((each) => each * power >= rough) ?? 10) * power;
};

/* Lowest and highest of the axis, and the distance of its lines. */
const axis = (values, unit) => {
  let low = Math.min(0, ...values);
  let high = Math.max(0, ...values);
  if (high === low) high = unit === 'ratio' ? 0.01 : 1;
  const step = roundStep(high - low, unit);
  return {low: Math.floor(low / step) * step, high: Math.ceil(high / step - 1e-9) * step, step};
};

const TIME_STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

const timeTicks = (since, until) => {
  const step = TIME_STEPS.find((each) => (until - since) / each <= 7) ?? 86400;
  const shift = new Date(since * 1000).getTimezoneOffset() * 60;
  const found = [];
  for (let at = Math.ceil((since - shift) / step) * step + shift; at <= until; at += step) found.push(at);
  return found;
};

/* Where a moment and a value lie. */
const scales = (range, {low, high}) => {
  const {width, height, left, right, top, bottom} = BOX;
  return {
    x: (at) => left + ((width - left - right) * (at - range.since)) / (range.until - range.since),
    y: (value) => height - bottom - ((height - top - bottom) * (value - low)) / (high - low),
  };
};

/* Points of a line; a new stroke begins where one or more are missing. */
const strokes = (points, stepS) => {
  const found = [];
  let last = -Infinity;
  for (const point of points) {
    if (!Number.isFinite(point[1])) continue;
    if (point[0] - last > stepS * 1.5) found.push([]);
    found[found.length - 1].push(point);
    last = point[0];
  }
  return found;
};

const path = (points, {x, y}) =>
  points.map(([at, value], n) => `${n ? 'L' : 'M'}${x(at).toFixed(2)} ${y(value).toFixed(2)}`).join('');

const grid = (chart, range, scale, limits, unit) => {
  const {width, height, left, right, bottom} = BOX;
  for (let n = 0; limits.low + n * limits.step <= limits.high * (1 + 1e-9) + 1e-12; n += 1) {
    const value = limits.low + n * limits.step;
    const y = scale.y(value);
    chart.append(svg('line', {class: 'grid', x1: left, x2: width - right, y1: y, y2: y}));
    chart.append(svg('text', {x: left - 6, y: y + 3.5, 'text-anchor': 'end'}, told(value, AXIS_UNITS.includes(unit) ? unit : '')));
  }
  for (const at of timeTicks(range.since, range.until)) {
    const x = scale.x(at);
    if (x > left + 14 && x < width - right - 14) {
      chart.append(svg('text', {x, y: height - 7, 'text-anchor': 'middle'}, clock(at, range.span)));
    }
  }
};

const area = (stroke, scale, floor) =>
  `${path(stroke, scale)}L${scale.x(stroke.at(-1)[0]).toFixed(2)} ${floor}L${scale.x(stroke[0][0]).toFixed(2)} ${floor}Z`;

const drawLine = (chart, line, place, {range, scale, alone, zero}) => {
  const colour = `c${place % COLOURS}`;
  for (const stroke of strokes(line.points, range.step)) {
    if (stroke.length === 1) {
      const [at, value] = stroke[0];
      chart.append(svg('circle', {class: `dot ${colour}`, cx: scale.x(at), cy: scale.y(value), r: 2}));
      continue;
    }
    if (alone) chart.append(svg('path', {class: `area ${colour}`, d: area(stroke, scale, zero)}));
    chart.append(svg('path', {class: `line ${colour}`, d: path(stroke, scale)}));
  }
};

/* The moment of a point that is nearest to where somebody points at. */
const nearest = (chart, range, event) => {
  const box = chart.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * BOX.width;
  const share = (x - BOX.left) / (BOX.width - BOX.left - BOX.right);
  const step = Math.round((share * (range.until - range.since)) / range.step);
  const most = Math.floor((range.until - range.since) / range.step);
  return range.since + Math.min(most, Math.max(0, step)) * range.step;
};

/* Pointing, or the arrow keys, choose a moment; `choose(null)` is none. */
const follow = (chart, range, scale, choose) => {
  const hair = svg('line', {class: 'hair', y1: BOX.top, y2: BOX.height - BOX.bottom, visibility: 'hidden'});
  chart.append(hair);
  let chosen = null;
  const show = (at) => {
    chosen = at;
    hair.setAttribute('visibility', at === null ? 'hidden' : 'visible');
    if (at !== null) for (const end of ['x1', 'x2']) hair.setAttribute(end, scale.x(at));
    choose(at);
  };
  chart.addEventListener('pointermove', (event) => show(nearest(chart, range, event)));
  chart.addEventListener('pointerleave', () => show(null));
  chart.addEventListener('blur', () => show(null));
  chart.addEventListener('keydown', (event) => {
    const way = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!way) return;
    event.preventDefault();
    const next = (chosen ?? range.until + range.step) + way * range.step;
    show(Math.min(range.until, Math.max(range.since, next)));
  });
};

/* Lines are {name, points: [[at, value]]}, times in seconds since 1970. */
const drawChart = (lines, range, {unit, title, choose}) => {
  const chart = svg('svg', {
    viewBox: `0 0 ${BOX.width} ${BOX.height}`, role: 'img', tabindex: 0,
    'aria-label': `${title}: ${lines.map((each) => each.name).join(', ')}`,
  });
  const values = lines.flatMap((each) => each.points.map((point) => point[1])).filter(Number.isFinite);
  const limits = axis(values, unit);
  const scale = scales(range, limits);
  grid(chart, range, scale, limits, unit);
  const zero = scale.y(Math.max(limits.low, Math.min(0, limits.high))).toFixed(2);
  const how = {range, scale, alone: lines.length === 1, zero};
  lines.forEach((each, place) => drawLine(chart, each, place, how));
  follow(chart, range, scale, choose);
  return chart;
};
