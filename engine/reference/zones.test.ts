import { IANAZone } from 'luxon';
import t from 'tap';
import { compileZone, withZones } from './zones.js';

const MINUTE_MS = 60_000, DAY_MS = 86_400_000;

t.test('tables say what luxon says, to the second', async (t) => {
  const days = 131 * 365, checked = 4001;
  for (const name of ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Africa/Monrovia', 'Pacific/Apia', 'Etc/GMT+12']) {
    const { transitionsMs, offsetsMs } = compileZone(name), zone = IANAZone.create(name), wrong: string[] = [];
    const moments = [...transitionsMs.slice(1).flatMap((ms) => [ms - 1000, ms]), ...Array.from({ length: checked }, (_, i) => Math.floor((i * days) / checked) * DAY_MS + i * 1000)];
    for (const ms of moments) {
      const expected = zone.offset(ms) * MINUTE_MS, found = offsetsMs[transitionsMs.findLastIndex((from) => from <= ms)];
      if (found !== expected) wrong.push(`${new Date(ms).toISOString()} ${found} ${expected}`);
    }
    t.same(wrong, [], name);
  }
});

t.test('zones of a set stay as they were published', async (t) => {
  const before = { UTC: { transitionsMs: [-8.64e15], offsetsMs: [5] } };
  t.equal(withZones(before, ['UTC']), before);
  t.match(withZones(before, ['UTC', 'Asia/Tokyo']), { ...before, 'Asia/Tokyo': { offsetsMs: [9 * 3_600_000] } });
});
