// A card with a chart, its legend, and the same numbers as a table.

const MOST_LINES = 12;

const node = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

/* `{{service}} p95` with the labels of a series. */
const lineName = (legend, labels) => {
  const found = legend.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => labels[label] ?? '').trim();
  return found || legend.replaceAll(/[{}]/g, '');
};

const asLine = (legend, {metric, values}) => ({
  name: lineName(legend, metric),
  points: values.map(([at, value]) => [at, Number(value)]),
});

const isThere = (line) => line.points.some((point) => Number.isFinite(point[1]));
const lastOf = (line) => line.points.findLast((point) => Number.isFinite(point[1]))?.[1] ?? NaN;
const valueAt = (line, at) => line.points.find((point) => Math.abs(point[0] - at) < 0.5)?.[1] ?? NaN;

const legendOf = (lines, unit) => {
  const values = lines.map(() => node('b'));
  const list = node('ul', {className: 'legend'}, ...lines.map((line, place) =>
    node('li', {}, node('i', {className: `c${place % COLOURS}`}), node('span', {textContent: line.name}), values[place])));
  const when = node('p', {className: 'when'});
  const choose = (at) => {
    when.textContent = at === null ? '' : moment(at);
    lines.forEach((line, place) => {
      values[place].textContent = told(at === null ? lastOf(line) : valueAt(line, at), unit);
    });
  };
  choose(null);
  return {list, when, choose};
};

const numbers = (lines, unit) => {
  const times = [...new Set(lines.flatMap((line) => line.points.map((point) => point[0])))];
  const head = node('tr', {}, node('th', {textContent: 'Time'}), ...lines.map((line) => node('th', {textContent: line.name})));
  const rows = times.sort((a, b) => b - a).map((at) => node('tr', {},
    node('td', {}, node('data', {value: at, textContent: moment(at)})),
    ...lines.map((line) => {
      const value = valueAt(line, at);
      return node('td', {}, node('data', {value, textContent: told(value, unit)}));
    })));
  return node('div', {className: 'wide'}, node('table', {}, node('thead', {}, head), node('tbody', {}, ...rows)));
};

/* The table is made once somebody opens it. */
const foldedNumbers = (lines, unit, open) => {
  const folded = node('details', {}, node('summary', {textContent: 'Numbers'}));
  const fill = () => { if (folded.open && folded.children.length === 1) folded.append(numbers(lines, unit)); };
  folded.addEventListener('toggle', fill);
  folded.open = open;
  fill();
  return folded;
};

const emptyCard = (panel) => {
  const card = node('article', {className: 'card'}, node('h3', {textContent: panel.title}), node('div', {className: 'content'}));
  card.dataset.panel = panel.id;
  return card;
};

const say = (card, text, kind) => {
  card.querySelector('.content').replaceChildren(node('p', {className: kind, textContent: text}));
};

/* Draw what a panel's queries gave, or say why there is nothing. */
const fillCard = (card, panel, lines, range) => {
  if (card.querySelector('svg')?.matches(':hover, :focus-visible')) return; // somebody reads it
  const found = lines.filter(isThere).sort((a, b) => a.name.localeCompare(b.name, undefined, {numeric: true}));
  if (!found.length) { say(card, `No data: ${panel.missing}.`, 'empty'); return; }
  const shown = found.slice(0, MOST_LINES);
  const open = card.querySelector('details')?.open ?? false;
  const {list, when, choose} = legendOf(shown, panel.unit);
  const chart = drawChart(shown, range, {unit: panel.unit, title: panel.title, choose});
  const parts = [when, chart, list, foldedNumbers(shown, panel.unit, open)];
  if (found.length > shown.length) {
    const more = `${found.length - shown.length} more lines are not drawn; ask for them with: intertie metrics query`;
    parts.push(node('p', {className: 'empty', textContent: more}));
  }
  card.querySelector('.content').replaceChildren(...parts);
};
