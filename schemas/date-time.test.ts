import fc from 'fast-check';
import t from 'tap';
import { DATE_TIME_MS_MAX, DATE_TIME_MS_MIN, dateTimeMs } from './date-time.js';

const read = (text: string): number => {
  const bytes = Buffer.from(`..${text}99Z`);
  return dateTimeMs(bytes, 2, Buffer.byteLength(text));
};

t.test('takes RFC 3339 with offset or Z', async t => {
  for (const [text, same] of [
    ['2017-01-31T23:59:59Z', '2017-01-31T23:59:59.000Z'],
    ['2016-02-29t00:00:00z', '2016-02-29T00:00:00.000Z'],
    ['2000-02-29T12:00:00+02:00', '2000-02-29T10:00:00.000Z'],
    ['2025-12-31T23:30:00-05:30', '2026-01-01T05:00:00.000Z'],
    ['2025-03-01T12:00:00.1Z', '2025-03-01T12:00:00.100Z'],
    ['2025-03-01T12:00:00.123999999-00:00', '2025-03-01T12:00:00.123Z'],
    ['1970-01-02T00:00:00Z', '1970-01-02T00:00:00.000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
  ] as const) t.equal(read(text), Date.parse(same), text);
});

t.test('refuses what is no moment', async t => {
  for (const text of [
    '2017-02-30T00:00:00Z', '2017-02-29T00:00:00Z', '1900-02-29T00:00:00Z', '2017-04-31T00:00:00Z', '2017-13-01T00:00:00Z', '2017-00-10T00:00:00Z', '2017-01-00T00:00:00Z',
    '2017-01-01T24:00:00Z', '2017-01-01T23:60:00Z', '2016-12-31T23:59:60Z', '2017-01-01T00:00:00', '2017-01-01', '2017-01-01T00:00Z', '2017-01-01 00:00:00Z',
    '2017-01-01T00:00:00.Z', '2017-01-01T00:00:00.1234567890Z', '2017-01-01T00:00:00+0100', '2017-01-01T00:00:00+24:00', '2017-01-01T00:00:00+01:60', '2017-01-01T00:00:00Z ',
    '2017-1-01T00:00:00ZZ', '+017-01-01T00:00:00Z', '2017-01-01T00:00:00+01:000', '', 'yesterday, at about noon', '1970-01-01T23:59:59Z', '1969-12-31T00:00:00Z', '9999-12-31T23:59:59-01:00',
  ]) t.ok(Number.isNaN(read(text)), text);
});

t.test('agrees with Date on all moments and offsets', async t => {
  const seed = 3;
  t.comment(`seed ${seed}`);
  fc.assert(fc.property(fc.integer({ min: DATE_TIME_MS_MIN, max: DATE_TIME_MS_MAX }), fc.integer({ min: -1439, max: 1439 }), (ms, offsetMinutes) => {
    const local = new Date(ms + offsetMinutes * 60_000);
    if (local.getUTCFullYear() > 9999 || local.getUTCFullYear() < 1970) return;
    const offset = `${offsetMinutes < 0 ? '-' : '+'}${String(Math.trunc(Math.abs(offsetMinutes) / 60)).padStart(2, '0')}:${String(Math.abs(offsetMinutes) % 60).padStart(2, '0')}`;
    if (read(local.toISOString().replace('Z', offset)) !== ms) throw new Error(`${local.toISOString()} ${offset}`);
  }), { seed, numRuns: 2000 });
});
