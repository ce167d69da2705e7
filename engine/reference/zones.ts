/**
 * Time zones as tables of transitions, so that shards need no Intl: what this machine's time-zone data say when a zone is first used is published
 * with the set, and every replay reads the same.
 */
import type { ReferenceSet, ZoneTable } from '../../schemas/reference.js';

const FROM_MS = 0, TO_MS = Date.UTC(2101, 0, 1);
/** Shorter than the time between any two transitions (the shortest known are four weeks apart). */
const STEP_MS = 14 * 86_400_000;
const SECOND_MS = 1000, MINUTE_MS = 60_000;
const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;
const ALWAYS_MS = -8.64e15;
const compiled = new Map<string, ZoneTable>();

/** The offsets of a zone from 1970 to 2100; before and after, those at the ends. */
export function compileZone(name: string): ZoneTable {
  let table = compiled.get(name);
  if (table === undefined) compiled.set(name, (table = transitionsOf(offsetOf(name))));
  return table;
}

/** The set's zones and these, those that are there unchanged. */
export function withZones(zones: ReferenceSet['zones'], names: Iterable<string>): ReferenceSet['zones'] {
  const more = [...new Set(names)].filter((name) => zones[name] === undefined);
  return more.length === 0 ? zones : { ...zones, ...Object.fromEntries(more.map((name) => [name, compileZone(name)])) };
}

/** Some thousand moments are asked for, on the main thread: by the name of the offset, which costs a fifth of what luxon does (all parts of the local time). */
function offsetOf(name: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: name, year: 'numeric', timeZoneName: 'longOffset' });
  return (ms) => {
    const [, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(format.format(ms))!;
    const offset = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * SECOND_MS;
    return sign === '-' ? -offset : offset;
  };
}

function transitionsOf(offsetMs: (ms: number) => number): ZoneTable {
  const transitionsMs = [ALWAYS_MS], offsetsMs = [offsetMs(FROM_MS)];
  for (let ms = FROM_MS + STEP_MS; ms <= TO_MS; ms += STEP_MS) {
    const offset = offsetMs(ms);
    if (offset === offsetsMs.at(-1)) continue;
    transitionsMs.push(firstMs(offsetMs, ms - STEP_MS, ms, offset));
    offsetsMs.push(offset);
  }
  return { transitionsMs, offsetsMs };
}

/** The first moment after `low` from which the offset is this, to the second; nearly all are whole minutes, so those are looked at first (Intl is slow). */
function firstMs(offsetMs: (ms: number) => number, low: number, high: number, offset: number): number {
  const minute = bisect(offsetMs, low, high, offset, MINUTE_MS);
  return offsetMs(minute - SECOND_MS) === offset ? bisect(offsetMs, minute - MINUTE_MS, minute, offset, SECOND_MS) : minute;
}
function bisect(offsetMs: (ms: number) => number, low: number, high: number, offset: number, gridMs: number): number {
  while (high - low > gridMs) {
    const middle = Math.floor((low + high) / 2 / gridMs) * gridMs;
    if (offsetMs(middle) === offset) high = middle;
    else low = middle;
  }
  return high;
}
