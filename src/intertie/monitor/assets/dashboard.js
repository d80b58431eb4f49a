// What is asked for and when, and what stands around the charts.

const SPANS = ['15m', '1h', '6h', '24h', '7d'];
const NAMES = ['system', 'application', 'business'];
const KEY = 'intertie-key';
const WAIT_MS = 30000;
const AGAIN_S = 5;
const MOST_S = 60;
const BACK_S = 10;

const byId = (id) => document.getElementById(id);
const view = {name: 'system', span: '1h', turn: 0, drawn: '', timer: 0, live: true};

class RefusedError extends Error {}
class AbsentError extends Error {}

const ask = async (path, fields = {}) => {
  const key = sessionStorage.getItem(KEY);
  const headers = key ? {authorization: `Bearer ${key}`} : {};
  const query = new URLSearchParams(fields).toString();
  const signal = AbortSignal.timeout(WAIT_MS);
  const answer = await fetch(query ? `${path}?${query}` : path, {headers, signal, cache: 'no-store', credentials: 'omit'});
  const body = await answer.json();
  if (answer.ok) return body;
  const why = body.detail ?? body.error ?? `the answer was ${answer.status}`;
  if (answer.status === 404) throw new AbsentError(why);
  throw answer.status === 401 || answer.status === 403 ? new RefusedError(why) : new Error(why);
};

/* Fill a part of the page; what goes wrong with it stands there and nowhere else. */
const part = async (id, path, show) => {
  try { byId(id).replaceChildren(...show(await ask(path))); }
  catch (error) {
    const className = error instanceof AbsentError ? 'empty' : 'failed';
    byId(id).replaceChildren(node('p', {className, textContent: error.message}));
  }
};

const state = (text, kind) => node('span', {className: `state ${kind}`, textContent: text});

const alertRow = (nowS) => (alert) => {
  const link = node('a', {href: `#${view.name}/${view.span}/${encodeURIComponent(alert.name)}`, textContent: alert.name});
  const summary = alert.annotations.summary ?? Object.entries(alert.labels).filter(([label]) => !['alertname', 'severity'].includes(label)).map((each) => each.join('=')).join(', ');
  const held = alert.held.length ? `; nobody is told (${alert.held[0].stage})` : '';
  const since = ` for ${ago(Date.parse(alert.since) / 1000, nowS)}${held}`;
  return node('li', {}, state(alert.state, alert.severity), ' ', link, node('span', {className: 'dim', textContent: since}), node('br'), summary);
};

const showAlerts = (nowS) => (alerts) => {
  const active = alerts.filter((alert) => alert.state !== 'resolved');
  if (!active.length) return [node('p', {}, state('well', 'good'), ' Nothing is alarming.')];
  return [node('ul', {}, ...active.map(alertRow(nowS)))];
};

const showSlos = (slos) => {
  if (!slos.length) return [node('p', {className: 'dim', textContent: 'Nothing is promised; write `slo:` below `monitoring:`.'})];
  return [node('ul', {}, ...slos.map((slo) => {
    const [word, kind] = slo.met === null ? ['no data', 'dim'] : slo.met ? ['kept', 'good'] : ['missed', 'critical'];
    const left = slo.used_share === null ? 'budget overdrawn' : `${digits(Math.max(0, 1 - slo.used_share) * 100)}% of the budget left`;
    const figures = slo.achieved === null ? `promised ${slo.objective}%` : `${plain(Math.floor(slo.achieved * 1000) / 1000)}% of ${slo.objective}%, ${left}`;
    return node('li', {}, state(word, kind), ` ${slo.name} `, node('span', {className: 'dim', textContent: figures}));
  }))];
};

const showStanding = (range) => (found) => {
  const well = found.status === 'UP';
  const parts = [node('p', {}, state(well ? 'well' : found.status.toLowerCase(), well ? 'good' : 'warning'), ` ${plain(found.series)} series each ${found.interval_s} s, ${bytes(found.size_bytes)}`)];
  if (found.reason) parts.push(node('p', {textContent: found.reason}));
  const oldest = found.oldest === null ? null : Date.parse(found.oldest) / 1000;
  if (oldest === null) parts.push(node('p', {textContent: 'Nothing is kept yet.'}));
  else if (oldest > range.since + range.step) parts.push(node('p', {className: 'dim', textContent: `Samples begin ${moment(oldest)}, later than this span.`}));
  return parts;
};

const taskRow = (task) => {
  const last = task.last;
  const kind = {done: 'good', failed: 'critical'}[last?.status] ?? 'dim';
  const took = last?.began_at && last?.ended_at ? seconds((Date.parse(last.ended_at) - Date.parse(last.began_at)) / 1000) : '–';
  return node('tr', {},
    node('td', {textContent: task.name}),
    node('td', {}, last ? state(last.status, kind) : state('never', 'dim')),
    node('td', {textContent: last ? moment(Date.parse(last.scheduled_at) / 1000) : '–'}),
    node('td', {textContent: took}),
    node('td', {textContent: task.paused ? 'paused' : task.next_at ? moment(Date.parse(task.next_at) / 1000) : '–'}));
};

const showTasks = (tasks) => {
  if (!tasks.length) return [node('p', {className: 'empty', textContent: 'No data: this suite has no tasks.'})];
  const head = ['Task', 'Last run', 'Of', 'Took', 'Next'].map((textContent) => node('th', {textContent}));
  return [node('div', {className: 'wide'}, node('table', {}, node('tr', {}, ...head), ...tasks.map(taskRow)))];
};

const tabs = (id, found, chosen, address) => {
  byId(id).replaceChildren(...found.map(([name, title]) => {
    const link = node('a', {href: `#${address(name)}`, textContent: title});
    if (name === chosen) link.setAttribute('aria-current', 'page');
    return link;
  }));
};

/* Empty cards, once for each choice; figures come into them again and again. */
const layOut = (boards, board) => {
  byId('suite').textContent = boards.suite;
  document.title = `${boards.suite}: ${board.title}`;
  tabs('tabs', boards.dashboards.map((each) => [each.name, each.title]), view.name, (name) => `${name}/${view.span}`);
  tabs('spans', SPANS.map((each) => [each, each]), view.span, (span) => `${view.name}/${span}`);
  const drawn = JSON.stringify([view.name, board.panels.map((each) => [each.id, each.title])]);
  if (drawn === view.drawn) return;
  view.drawn = drawn;
  const groups = new Map();
  for (const panel of board.panels) groups.set(panel.group, [...(groups.get(panel.group) ?? []), emptyCard(panel)]);
  const parts = [...groups].flatMap(([group, cards]) => [node('h2', {textContent: group}), node('div', {className: 'cards'}, ...cards)]);
  if (board.missing) parts.push(node('p', {className: 'empty', textContent: board.missing}));
  if (board.name === 'application') parts.push(node('h2', {textContent: 'Tasks'}), node('div', {id: 'tasks', className: 'card'}));
  byId('board').replaceChildren(...parts);
};

const fill = async (panel, range) => {
  const card = document.querySelector(`[data-panel="${CSS.escape(panel.id)}"]`);
  try {
    const lines = [];
    for (const {expr, legend} of panel.lines) {
      const fields = {query: expr, start: range.since, end: range.until, step: range.step};
      const {data} = await ask('/api/v1/query_range', fields);
      lines.push(...data.result.map((series) => asLine(legend, series)));
    }
    if (card.isConnected) fillCard(card, panel, lines, range);
  } catch (error) { say(card, error.message, 'failed'); }
};

const showAll = async (turn) => {
  const boards = await ask('/api/monitoring/dashboards', {span: view.span});
  if (turn !== view.turn) return 0;
  const board = boards.dashboards.find((each) => each.name === view.name);
  const range = {since: Date.parse(boards.since) / 1000, until: Date.parse(boards.until) / 1000, step: boards.step_s, span: boards.span_s};
  byId('door').hidden = true;
  byId('now').hidden = false;
  layOut(boards, board);
  const nowS = Date.parse(boards.now) / 1000;
  await Promise.all([part('alerts', '/api/alerts', showAlerts(nowS)), part('slos', '/api/slo', showSlos), part('standing', '/api/monitoring', showStanding(range))]);
  if (board.name === 'application') await part('tasks', '/api/tasks', showTasks);
  for (const panel of board.panels) {
    if (turn !== view.turn) return 0;
    await fill(panel, range);
  }
  document.body.dataset.shown = boards.until;
  return Math.min(MOST_S, Math.max(AGAIN_S, range.step / 2));
};

const trouble = (text) => {
  byId('trouble').textContent = text;
  byId('trouble').hidden = !text;
};

const refused = (error) => {
  byId('denied').textContent = sessionStorage.getItem(KEY) ? error.message : '';
  byId('door').hidden = false;
  byId('now').hidden = true;
  byId('board').replaceChildren();
  view.drawn = '';
};

/* Once now, and from then on; a later call takes the place of an earlier one. */
const refresh = async () => {
  clearTimeout(view.timer);
  view.turn += 1;
  const turn = view.turn;
  let nextS = BACK_S;
  try {
    nextS = await showAll(turn);
    trouble('');
  } catch (error) {
    if (error instanceof RefusedError) { refused(error); return; }
    trouble(error instanceof TypeError ? 'The suite does not answer; is it running?' : error.message);
  }
  if (turn === view.turn && view.live && !document.hidden) view.timer = setTimeout(refresh, nextS * 1000);
};

const listOf = (pairs) => node('dl', {}, ...pairs.flatMap(([term, text]) => [node('dt', {textContent: term}), node('dd', {textContent: text})]));

const explain = async (name) => {
  byId('told').replaceChildren(node('h2', {id: 'explained', textContent: name}));
  if (!byId('explain').open) byId('explain').showModal();
  try {
    const rule = await ask(`/api/alerts/rules/${encodeURIComponent(name)}`);
    const now = rule.now === null ? 'there are no samples to look at' : rule.now.length ? rule.now.map(([labels, value]) => `${JSON.stringify(labels)} ${plain(value)}`).join('\n') : 'nothing';
    const held = rule.alerts.flatMap((each) => each.held).map((each) => `${each.stage}: ${each.why}`).join('\n');
    byId('told').append(listOf([['Rule', rule.shown], ['Severity', rule.severity], ['PromQL', rule.expr], ['For', seconds(rule.for_s)], ['Alarming now', now], ['Nobody is told because', held || 'no reason: it is told']]));
  } catch (error) { byId('told').append(node('p', {className: 'failed', textContent: error.message})); }
};

const choose = () => {
  const [name, span, rule] = location.hash.slice(1).split('/').map(decodeURIComponent);
  view.name = NAMES.includes(name) ? name : 'system';
  view.span = SPANS.includes(span) ? span : '1h';
  if (rule) explain(rule);
  refresh();
};

byId('live').addEventListener('click', () => {
  view.live = !view.live;
  byId('live').setAttribute('aria-pressed', String(view.live));
  if (view.live) refresh();
  else clearTimeout(view.timer);
});
byId('door').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, byId('key').value.trim());
  byId('key').value = '';
  refresh();
});
byId('explain').addEventListener('close', () => { location.hash = `${view.name}/${view.span}`; });
document.addEventListener('visibilitychange', () => { if (!document.hidden && view.live) refresh(); });
addEventListener('hashchange', choose);
choose();
