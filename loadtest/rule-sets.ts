/**
 * Rules for load tests, of every kind of award. Eight are for all partners; the others are spread over the partners so that a purchase has about ten
 * candidates and three awards whether there are fifty rules or ten thousand: each partner has four of its own for all its purchases, what is more
 * asks for particular products.
 */
import type { RuleDocument } from '../schemas/reference.js';
import { brandName, categoryName, type World } from './world.js';

const OWN_RULES_PER_PARTNER = 4;

export function loadRules(world: World, count: number): RuleDocument[] {
  const everywhere = rulesForAll().slice(0, count);
  const own = count - everywhere.length, partners = world.partnerIds.length;
  const partnersPerRule = Math.max(1, Math.min(partners, Math.round((OWN_RULES_PER_PARTNER * partners) / Math.max(1, own))));
  const given = world.partnerIds.map(() => 0);
  return [...everywhere, ...Array.from({ length: own }, (_, i) => {
    const places = Array.from({ length: partnersPerRule }, (_, k) => (i * partnersPerRule + k) % partners);
    const number = Math.max(...places.map((place) => given[place]!++));
    const scope = { partners: places.map((place) => world.partnerIds[place]!) };
    const id = `own-${String(i).padStart(5, '0')}`;
    return number < OWN_RULES_PER_PARTNER ? ownRule(id, i, number, scope) : productRule(id, i, world, scope);
  })];
}

const rulesForAll = (): RuleDocument[] => [
  { id: 'base', version: 1, promotion: 'Base points', phase: -1, award: { kind: 'perAmount', points: 1, amount: 100 }, expiresAfterDays: 730 },
  {
    id: 'spend', version: 1, promotion: 'Monthly four hundred',
    award: { kind: 'spendThreshold', amount: 40_000, points: 400, period: 'month', repeat: true },
  },
  {
    id: 'weekend', version: 1, promotion: 'Weekend double', schedule: { weekdays: ['sat', 'sun'] },
    award: { kind: 'multiplier', factor: 2, of: ['base'], combine: 'sum' },
  },
  { id: 'tenth', version: 1, promotion: 'Every tenth', award: { kind: 'everyNth', n: 10, points: 150 }, pendingDays: 14 },
  { id: 'welcome', version: 1, promotion: 'Welcome', award: { kind: 'firstPurchase', points: 500 }, pendingDays: 14, onReturn: 'keep' },
  {
    id: 'evening', version: 1, promotion: 'Evening shopper', schedule: { from: '18:00', to: '21:00' },
    award: { kind: 'multiplier', factor: 1.5, of: ['base'], combine: 'multiply' },
  },
  {
    id: 'large', version: 1, promotion: 'Large basket', condition: 'transaction.total >= 15000', award: { kind: 'fixed', points: 60 },
    onReturn: 'requalify',
  },
  {
    id: 'fresh', version: 1, promotion: 'Fresh food', lines: { categories: [0, 1, 2, 3].map(categoryName) }, basis: 'line', rounding: 'half-up',
    award: { kind: 'percent', percent: 50 },
    funding: [{ funder: 'growers', parts: 2 }, { funder: 'program', parts: 1 }], caps: { perTransaction: 50 },
  },
];

/** A rule that looks at every purchase of its partners. */
function ownRule(id: string, i: number, number: number, scope: RuleDocument['scope']): RuleDocument {
  const common = { id, version: 1, promotion: `Own promotion ${i}`, scope, priority: i % 3 } as const;
  switch (number % OWN_RULES_PER_PARTNER) {
    case 0: return { ...common, award: { kind: 'percent', percent: 25 }, rounding: 'half-even', stacking: { group: 'own', mode: 'best' }, expiresAfterDays: 365 };
    case 1: return { ...common, award: { kind: 'perAmount', points: 3, amount: 1000 }, stacking: { group: 'own', mode: 'best' }, caps: { perAccountPerDay: 40 }, onReturn: 'requalify' };
    case 2: return { ...common, lines: { brands: Array.from({ length: 6 }, (_, k) => brandName((i * 7 + k * 11) % 200)) }, basis: 'line', award: { kind: 'perUnit', points: 4 }, pendingDays: 7 };
    default: return i % 2 === 0
      ? { ...common, condition: 'transaction.channel == "app" && transaction.lines >= 3', award: { kind: 'fixed', points: 20 }, caps: { perTransaction: 20 } }
      : { ...common, condition: 'transaction.categories >= 7', award: { kind: 'multiplier', factor: 3, of: ['base'], combine: 'best' }, caps: { perTransaction: 300 } };
  }
}

/** A rule that only purchases with a certain product, one of the less popular half, concern. */
function productRule(id: string, i: number, world: World, scope: RuleDocument['scope']): RuleDocument {
  const half = Math.ceil(world.productsPerPartner / 2), skus = [world.sku(Math.min(world.productsPerPartner - 1, half + ((i * 31) % half)))];
  const award = ([{ kind: 'perUnit', points: 5 }, { kind: 'fixed', points: 12 }, { kind: 'percent', percent: 100 }] as const)[i % 3]!;
  return { id, version: 1, promotion: `Product promotion ${i}`, scope, lines: { skus }, award, caps: { perAccountPerDay: 500 } };
}
