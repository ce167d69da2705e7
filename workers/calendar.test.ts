/** Day numbers to weeks, months and years, against Date. */
import t from 'tap';
import { DAY_MS, monthOfDay, periodOfDay, weekOfDay, yearOfDay } from './calendar.js';
import { Period } from './ledger/cells.js';

for (let day = 0; day < 50_000; day += 17) {
  const date = new Date(day * DAY_MS), month = date.getUTCFullYear() * 12 + date.getUTCMonth();
  if (monthOfDay(day) !== month || yearOfDay(day) !== date.getUTCFullYear()) t.equal(monthOfDay(day), month, date.toISOString());
}
const sunday = Date.UTC(2026, 2, 1) / DAY_MS;
t.equal(weekOfDay(sunday) + 1, weekOfDay(sunday + 1), 'weeks start on Monday');
t.same([Period.ever, Period.day, Period.week, Period.month, Period.year].map((period) => periodOfDay(period, sunday)), [0, sunday, weekOfDay(sunday), 2026 * 12 + 2, 2026]);
