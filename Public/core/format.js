// Numbers, sizes and times in the words of the visitor's browser.

const counts = new Intl.NumberFormat();
const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

export const count = (number) => counts.format(number);

/** `3 photos`, `1 photo`. */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** Decimal units, as disks and phones are sold. */
export function bytes(number) {
  if (number === null || number === undefined) return '–';
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, number)) / 3)));
  const value = number / 1000 ** step;
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: step > 1 && value < 100 ? 1 : 0 }).format(value)} ${units[step]}`;
}

/** `45 s`, `3 min`, `2 h`, `4 days`. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return plural(Math.round(seconds / 86_400), 'day');
}

/** A clip's length: `0:07`, `1:02:03`. */
export function clock(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [hours, minutes, rest] = parts;
  return (hours ? [hours, String(minutes).padStart(2, '0')] : [minutes]).concat(String(rest).padStart(2, '0')).join(':');
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

/** `2 hours ago`, `yesterday`, counted in whole ones as the server's sentences do; what is null never happened. */
export function ago(time, never = 'never') {
  if (!time) return never;
  const seconds = (Date.parse(time) - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 60) return 'just now';
  if (size < 3600) return relative.format(Math.trunc(seconds / 60), 'minute');
  if (size < 86_400) return relative.format(Math.trunc(seconds / 3600), 'hour');
  if (size < 45 * 86_400) return relative.format(Math.trunc(seconds / 86_400), 'day');
  return day(time);
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const days = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

export const moment = (time) => (time ? full.format(new Date(time)) : '–');
export const day = (time) => (time ? days.format(new Date(time)) : '–');

/** A `time` element's content: relative, with the exact moment in its title. */
export const exact = (time) => (time ? { title: moment(time), datetime: time } : {});
