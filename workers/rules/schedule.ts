/**
 * A schedule as one bit for each minute of the local week, so that weekday, hours and wrapping over midnight are one look-up.
 */
import type { RuleDocument } from '../../schemas/reference.js';
import { weekdayNames } from './frame.js';

const DAY_MINUTES = 1440, WEEK_MINUTES = 7 * DAY_MINUTES;
type Schedule = NonNullable<RuleDocument['schedule']>;

/** "08:30" → 510. "24:00" is the end of the day. */
const minuteOfDay = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

/** Bits by minute since Monday 00:00. Equal schedules share one. */
export function compileWeek({ weekdays, from, to }: Schedule): Uint8Array {
  const key = `${weekdays?.join() ?? ''} ${from ?? ''} ${to ?? ''}`;
  let week = weeks.get(key);
  if (week !== undefined) return week;
  week = new Uint8Array(WEEK_MINUTES / 8);
  const start = minuteOfDay(from ?? '00:00'), end = minuteOfDay(to ?? '24:00'), minutes = end > start ? end - start : end + DAY_MINUTES - start;
  weekdayNames.forEach((name, day) => {
    if (weekdays !== undefined && !weekdays.includes(name)) return;
    // From > to wraps over midnight and belongs to the day on which it began.
    for (let i = 0; i < minutes; i++) {
      const minute = (day * DAY_MINUTES + start + i) % WEEK_MINUTES;
      week![minute >> 3]! |= 1 << (minute & 7);
    }
  });
  if (weeks.size === WEEKS_MAX) weeks.clear();
  weeks.set(key, week);
  return week;
}
const weeks = new Map<string, Uint8Array>();
const WEEKS_MAX = 4096;

export const isOpen = (week: Uint8Array, minuteOfWeek: number): boolean => (week[minuteOfWeek >> 3]! & (1 << (minuteOfWeek & 7))) !== 0;
