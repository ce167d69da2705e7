/**
 * Zones that a program, a partner or its stores had before: what returns need to know of purchases that were decided then (docs/calculation.md, Returns). Kept for good, as published
 * versions of rules are; zones rarely change.
 */
import type { FormerZone, PartnerDocument } from '../../schemas/reference.js';

interface Zoned { formerZones?: FormerZone[] }
type PlacesOfPartner = Pick<PartnerDocument, 'timeZone' | 'stores'>;

/** To be spread into an entry of the set of version `until`, in whose document places may have other zones. */
export function withFormerZones({ formerZones = [] }: Zoned, before: PlacesOfPartner, after: PlacesOfPartner, until: number): Zoned {
  const all = [...formerZones, ...changedZones(before, after, until)];
  return all.length === 0 ? {} : { formerZones: all };
}

function changedZones(before: PlacesOfPartner, after: PlacesOfPartner, until: number): FormerZone[] {
  const own = before.timeZone === after.timeZone ? [] : [{ until, timeZone: before.timeZone }];
  const zonesBefore = storeZones(before), zonesAfter = storeZones(after), stores = new Set([...zonesBefore.keys(), ...zonesAfter.keys()]);
  const changed = [...stores].filter((store) => zonesBefore.get(store) !== zonesAfter.get(store));
  return [...own, ...changed.map((store) => ({ until, store, ...named(zonesBefore.get(store)) }))];
}
/** Of the stores that state one. */
const storeZones = ({ stores = [] }: PlacesOfPartner): Map<string, string> =>
  new Map(stores.flatMap(({ id, timeZone }): [string, string][] => (timeZone === undefined ? [] : [[id, timeZone]])));
const named = (timeZone: string | undefined): { timeZone?: string } => (timeZone === undefined ? {} : { timeZone });
