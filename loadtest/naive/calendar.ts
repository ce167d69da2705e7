/**
 * Local time by luxon. Offsets are remembered by quarter of an hour: since 1973 every zone changes its offset on one.
 */
import { IANAZone } from 'luxon';
import type { PeriodName } from '../../schemas/reference.js';

const DAY_MS = 86_400_000, BUCKET_MS = 900_000, BUCKETS_MAX = 200_000;
const zones = new Map<string, { zone: IANAZone; offsets: Map<number, number> }>();

function localMs(zoneName: string, ms: number): number {
  let known = zones.get(zoneName);
  if (!known) zones.set(zoneName, (known = { zone: IANAZone.create(zoneName), offsets: new Map() }));
  if (ms < 3 * 365 * DAY_MS) return ms + known.zone.offset(ms) * 60_000;
  const bucket = Math.floor(ms / BUCKET_MS);
  let offset = known.offsets.get(bucket);
  if (offset === undefined) {
    if (known.offsets.size >= BUCKETS_MAX) known.offsets.clear();
    known.offsets.set(bucket, (offset = known.zone.offset(ms) * 60_000));
  }
  return ms + offset;
}

/** Days since 1970-01-01 of the local date. */
export const localDay = (zone: string, ms: number): number => Math.floor(localMs(zone, ms) / DAY_MS);
/** Milliseconds since local midnight. */
export const localTimeMs = (zone: string, ms: number): number => localMs(zone, ms) - localDay(zone, ms) * DAY_MS;
/** 0 Monday … 6 Sunday. */
export const weekdayOf = (day: number): number => (((day + 3) % 7) + 7) % 7;
export const weekdayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** The number of the period that a day falls into. */
export function periodNumber(period: PeriodName, day: number): number {
  const date = new Date(day * DAY_MS);
  switch (period) {
    case 'ever': return 0;
    case 'day': return day;
    case 'week': return Math.floor((day + 3) / 7);
    case 'month': return date.getUTCFullYear() * 12 + date.getUTCMonth();
    case 'year': return date.getUTCFullYear();
  }
}

/** "HH:MM" (24:00 too) as milliseconds since midnight. */
export const clockTimeMs = (text: string): number => (Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5))) * 60_000;
