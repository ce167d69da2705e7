/** The texts of a fact's dictionaries: of reference data by ordinal, and those that say several things at once (schemas/fact-table.ts). */
import { PART_SEPARATOR } from '../../schemas/fact-table.js';
import type { ReferenceSet } from '../../schemas/reference.js';
import { balanceNames, counterNames, postingKindNames } from '../ledger/postings.js';

export const programText = ({ programs }: ReferenceSet, ordinal: number): string => programs[ordinal]!.id;
export const partnerText = ({ partners }: ReferenceSet, ordinal: number): string => partners[ordinal]!.id;
export const partnerCurrency = ({ partners }: ReferenceSet, ordinal: number): string => partners[ordinal]!.document.currency;
export const nameText = (names: readonly string[], ordinal: number): string => names[ordinal]!;

export function ruleText({ rules, currencies }: ReferenceSet, rule: number, currency: number): string {
  const { document } = rules[rule]!;
  return [rule, document.version, currencies[currency]!.id, document.id].join(PART_SEPARATOR);
}

/** What a posting's side is besides its funder, as one number. */
export const postingSide = (kind: number, balance: number, counter: number, currency: number): number => (currency << 8) | (kind << 5) | (balance << 3) | counter;
/** `funder`: its ordinal plus 1; 0: none. */
export function sideText({ currencies, funders }: ReferenceSet, funder: number, side: number): string {
  const kind = (side >>> 5) & 7, balance = (side >>> 3) & 3, counter = side & 7;
  return [postingKindNames[kind], balanceNames[balance], counterNames[counter], currencies[side >>> 8]!.id, funder === 0 ? '' : funders[funder - 1]!].join(PART_SEPARATOR);
}
