/**
 * Reference data as the engine hands it to shards: documents as published, with ordinals. Content is immutable; ordinals are given once and never reused, so
 * state and facts may keep them. A set is complete (products apart, which are contents of their own by partner).
 *
 * Built by engine/reference.ts, indexed by workers/reference.ts, activated by a record in each partition of the log.
 */
export interface CurrencyDocument { id: string; scale: number; partner?: string }
export interface CardRange { prefix: string; length: number; checkDigit: 'none' | 'luhn'; product: string }
export interface ProgramDocument {
  name: string;
  timeZone: string;
  currencies: CurrencyDocument[];
  cardRanges?: CardRange[];
  unregistered?: { earn: boolean; spend: boolean };
  /** What day expiry is counted from; docs/calculation.md. */
  expiryFrom?: 'occurred' | 'received';
  unknownReturns?: { waitSeconds: number; then: 'review' | 'ignore' };
}
export interface StoreDocument { id: string; timeZone?: string; region?: string; latitude?: number; longitude?: number }
export interface TerminalDocument { id: string; store: string; status: string }
export interface PartnerDocument {
  name: string;
  program: string;
  timeZone: string;
  currency: string;
  latenessDays?: number;
  returnWindowDays?: number;
  stores?: StoreDocument[];
  terminals?: TerminalDocument[];
}
export interface ProductDocument { sku: string; name?: string; category?: string; department?: string; brand?: string; manufacturer?: string; gtin?: string }

export interface LineMatch { skus?: string[]; categories?: string[]; brands?: string[]; departments?: string[] }
export type Combine = 'sum' | 'multiply' | 'best';
export type PeriodName = 'day' | 'week' | 'month' | 'year' | 'ever';
export type Award = { currency?: string } & (
  | { kind: 'percent'; percent: number }
  | { kind: 'perAmount'; points: number; amount: number }
  | { kind: 'fixed'; points: number }
  | { kind: 'perUnit'; points: number }
  | { kind: 'everyNth'; n: number; points: number }
  | { kind: 'firstPurchase'; points: number }
  | { kind: 'spendThreshold'; amount: number; points: number; period?: PeriodName; repeat?: boolean }
  | { kind: 'multiplier'; factor: number; of: string[]; combine: Combine }
);
export interface RuleDocument {
  id: string;
  version: number;
  program?: string;
  promotion?: string;
  phase?: number;
  priority?: number;
  validFrom?: string;
  validTo?: string;
  schedule?: { weekdays?: string[]; from?: string; to?: string; zone?: string };
  scope?: { partners?: string[]; stores?: string[]; channels?: string[] };
  condition?: string;
  lines?: LineMatch & { exclude?: LineMatch; /** CEL over one `line`. */ condition?: string };
  award: Award;
  basis?: 'receipt' | 'line';
  rounding?: 'floor' | 'half-up' | 'half-even' | 'ceiling';
  caps?: { perTransaction?: number; perAccountPerDay?: number };
  stacking?: { group: string; mode: 'best' | 'first' | 'sum'; /** What the group gives one transaction at most. */ cap?: number };
  onReturn?: 'proportional' | 'requalify' | 'keep';
  funding?: { funder: string; parts: number }[];
  pendingDays?: number;
  expiresAfterDays?: number;
}

/** The zone of a program, a partner or one of its stores in sets of versions before `until`. */
export interface FormerZone { until: number; store?: string; /** Left out: the store stated none. */ timeZone?: string }

/** Offsets of a zone: from transitionsMs[i] (UTC) on, local time = UTC + offsetsMs[i]. transitionsMs[0] is -Infinity as -8.64e15. */
export interface ZoneTable { transitionsMs: number[]; offsetsMs: number[] }

export interface ReferenceSet {
  /** Counts up by one with each publication of anything. */
  version: number;
  /** The return window of partners that state none: the history window of the engine that published. Sets of earlier releases have none. */
  historyDays?: number;
  /** Number of the rule set that is live (the answer of PUT /v1/rules), 0 before the first. */
  ruleSet: number;
  /** Ordinal = place in the array, in each of these. */
  programs: { id: string; document: ProgramDocument; formerZones?: FormerZone[] }[];
  /** `formerZones` in the order in which they were left. */
  partners: { id: string; document: PartnerDocument; program: number; formerZones?: FormerZone[] }[];
  currencies: { id: string; program: number; scale: number; partner?: string }[];
  funders: string[];
  ruleIds: { id: string; program: number }[];
  /** Every (id, version) ever published; `index` is its place, which awards and facts keep. */
  rules: { rule: number; program: number; document: RuleDocument; /** ms, half-open; ±8.64e15 when open */ fromMs: number; toMs: number }[];
  /** Places in `rules` of those that are live. */
  live: number[];
  zones: Record<string, ZoneTable>;
  /** Hash of the products content by partner ordinal, for those that have one. */
  products: Record<number, string>;
}
