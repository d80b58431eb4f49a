'use strict';
// Numbers and times as people read them.

const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

const digits = (value, most = 3) => value.toLocaleString('en', {maximumSignificantDigits: most});

const plain = (value) => {
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-4)) return value.toExponential(2);
  return size >= 1000 ? value.toLocaleString('en', {maximumFractionDigits: 1}) : digits(value, 4);
};

const bytes = (value) => {
  let place = 0;
  let rest = value;
  while (Math.abs(rest) >= 1024 && place < BYTES.length - 1) { rest /= 1024; place += 1; }
  return `${digits(rest)} ${BYTES[place]}`;
};

const seconds = (value) => {
  if (value === 0) return '0 s';
  if (Math.abs(value) < 1e-3) return `${digits(value * 1e6)} µs`;
  return Math.abs(value) < 1 ? `${digits(value * 1e3)} ms` : `${digits(value)} s`;
};

/* A value in the unit of its panel. */
const told = (value, unit) => {
  if (!Number.isFinite(value)) return '–';
  switch (unit) {
    case 'ratio': return `${digits(value * 100)}%`;
    case 'bytes': return bytes(value);
    case 'bytes/s': return `${bytes(value)}/s`;
    case 'seconds': return seconds(value);
    case '': return plain(value);
    default: return unit.startsWith('/') ? plain(value) + unit : `${plain(value)} ${unit}`;
  }
};

const clock = (atS, spanS) => {
  const at = new Date(atS * 1000);
  const time = at.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit', hour12: false});
  if (spanS <= 86400) return time;
  return at.toLocaleDateString([], {weekday: 'short', day: 'numeric'});
};

const moment = (atS) => new Date(atS * 1000).toLocaleString([], {hour12: false});

const ago = (atS, nowS) => {
  const s = Math.max(0, nowS - atS);
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 129600 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86400)} d`;
};
