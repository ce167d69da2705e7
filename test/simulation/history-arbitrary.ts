/**
 * Random histories for property tests: programs, partners and rules of every kind, and what happens to them, as plain data that shrinks well. Valid
 * by construction: nothing in it is refused by a parser or at publishing. history.ts plays them.
 */
import fc from 'fast-check';
import type { Award, PartnerDocument, ProgramDocument, RuleDocument } from '../../schemas/reference.js';
import { purchase, ruleSet, world } from '../rules/arbitrary-fixture.js';
import type { TestPurchase, TestRule } from '../rules/shop-fixture.js';

const maybe = <T>(of: fc.Arbitrary<T>, percent = 50): fc.Arbitrary<T | undefined> => (
  fc.oneof({ weight: 100 - percent, arbitrary: fc.constant(undefined) }, { weight: percent, arbitrary: of })
);
const present = <T extends object>(value: T): T => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
export const cards = ['101', '102', '103', '204'];

/** Who posts: with a card, anonymous, with the account of a card, with an account that there isn't. */
export type Who = { card: number } | { accountOf: number } | 'nobody' | 'stranger';
const who: fc.Arbitrary<Who> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ card: fc.nat(cards.length - 1) }) }, { weight: 2, arbitrary: fc.record({ accountOf: fc.nat(cards.length - 1) }) },
  { weight: 1, arbitrary: fc.constant('nobody' as const) }, { weight: 1, arbitrary: fc.constant('stranger' as const) },
);

export type Act =
  | { act: 'buy'; purchase: TestPurchase; who: Who; ageMinutes: number; far: boolean; together: boolean }
  /** `of`: number of the purchase, which may come later or never. `quarters`: how much of each line; undefined: all that remains. */
  | { act: 'return'; of: number; quarters: number[] | undefined; strange: boolean; currency: string | undefined; who: 'same' | Who; ageMinutes: number; id: number | undefined;
    together: boolean }
  | { act: 'repeat'; of: number; change: 'nothing' | 'content' | 'card'; together: boolean }
  | { act: 'broken'; how: 'partner' | 'program'; together: boolean }
  /** A trusted producer writes a record by itself, perhaps into the wrong partition. */
  | { act: 'foreign'; of: number; partition: number }
  | { act: 'pass'; minutes: number }
  | { act: 'tick' }
  | { act: 'locate' }
  | { act: 'publish' }
  /** Program and shop are put with other zones; the shop with its stores, of which one has another zone, or without them. */
  | { act: 'zones'; program: string; shop: string; store: string | undefined }
  | { act: 'import'; cards: number[]; registered: boolean; lots: { points: number; matures: number; expires: number; currency: string; funder: string }[] }
  | { act: 'reconcile'; of: number; partition: number }
  /** How the core goes on: in small bites or large ones, committing late; for tests of the core alone. */
  | { act: 'work'; records: number; items: number | undefined; commits: number };

export interface World { program: ProgramDocument; partners: Record<string, PartnerDocument>; rules: RuleDocument[]; later: RuleDocument[] }
export interface History { world: World; acts: Act[] }

const ageMinutes = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) }, { weight: 1, arbitrary: fc.integer({ min: -20, max: 0 }) },
  { weight: 3, arbitrary: fc.integer({ min: 300, max: 12_000 }) },
);
const rarely = (outOf: number): fc.Arbitrary<boolean> => fc.nat(outOf - 1).map((n) => n === 0);
const together = fc.boolean();
const buy = fc.record({ act: fc.constant('buy' as const), purchase, who, ageMinutes, far: rarely(12), together });
const giveBack = fc.record({
  act: fc.constant('return' as const), of: fc.nat(23), strange: rarely(12), currency: maybe(fc.constantFrom('EUR', 'JPY'), 10),
  quarters: maybe(fc.array(fc.constantFrom(0, 1, 2, 2, 4), { minLength: 7, maxLength: 7 }), 70),
  who: fc.oneof({ weight: 5, arbitrary: fc.constant('same' as const) }, { weight: 2, arbitrary: who }), ageMinutes, id: maybe(fc.nat(3), 15), together,
});
const importAct = fc.record({
  act: fc.constant('import' as const), cards: fc.uniqueArray(fc.nat(cards.length - 1), { minLength: 1, maxLength: 3 }), registered: fc.boolean(),
  lots: fc.array(fc.record({
    points: fc.integer({ min: 1, max: 300 }), matures: fc.constantFrom(0, 3, 20), expires: fc.constantFrom(-1, 4, 6, 10),
    currency: fc.constantFrom('points', 'cents'), funder: fc.constantFrom('import', 'shop'),
  }), { maxLength: 3 }),
});
const items = maybe(fc.integer({ min: 1, max: 3 }), 30);
const zone = fc.constantFrom('UTC', 'America/Los_Angeles', 'Asia/Tokyo', 'Pacific/Kiritimati');
const zones = fc.record({ act: fc.constant('zones' as const), program: zone, shop: zone, store: maybe(zone, 70) });
const change = fc.constantFrom('nothing' as const, 'nothing' as const, 'content' as const, 'card' as const);
const minutes = fc.oneof(fc.nat(120), fc.integer({ min: 600, max: 2400 }), fc.integer({ min: 600, max: 9000 }));
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 14, arbitrary: buy }, { weight: 9, arbitrary: giveBack },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('repeat' as const), of: fc.nat(12), change, together }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('broken' as const), how: fc.constantFrom('partner' as const, 'program' as const), together }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('foreign' as const), of: fc.nat(12), partition: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('pass' as const), minutes }) },
  { weight: 3, arbitrary: fc.constant({ act: 'tick' as const }) }, { weight: 4, arbitrary: fc.constant({ act: 'locate' as const }) },
  { weight: 1, arbitrary: fc.constant({ act: 'publish' as const }) }, { weight: 2, arbitrary: zones },
  { weight: 1, arbitrary: importAct }, { weight: 1, arbitrary: fc.record({ act: fc.constant('reconcile' as const), of: fc.nat(12), partition: fc.nat(3) }) },
  { weight: 6, arbitrary: fc.record({ act: fc.constant('work' as const), records: fc.integer({ min: 1, max: 6 }), items, commits: fc.nat(4) }) },
);

const part = fc.record({ funder: fc.constantFrom('shop', 'brand', 'acme', 'import'), parts: fc.integer({ min: 1, max: 3 }) });
/** What the ledger needs to know of a rule, beside what the rules' own tests vary. */
const ledgerTerms = fc.record({
  onReturn: maybe(fc.constantFrom('proportional' as const, 'requalify' as const, 'requalify' as const, 'keep' as const), 80),
  funding: maybe(fc.uniqueArray(part, { minLength: 1, maxLength: 3, selector: ({ funder }) => funder }), 40),
  pendingDays: maybe(fc.integer({ min: 0, max: 4 }), 40), expiresAfterDays: maybe(fc.integer({ min: 1, max: 6 }), 40),
  validFrom: maybe(fc.constantFrom('2026-03-07', '2026-03-09T05:00:00Z'), 30), huge: rarely(60), plain: fc.boolean(),
});
const allTerms = fc.array(ledgerTerms, { minLength: 12, maxLength: 12 });
const rules = (version: number): fc.Arbitrary<RuleDocument[]> => fc.tuple(ruleSet, allTerms, fc.nat(7)).map(([set, terms, twice]) => {
  const documents = set.map((rule, i) => withTerms(rule, terms[i]!, version));
  // One rule has a second version, which takes over in the middle.
  const copied = documents[twice];
  return copied ? [...documents, { ...copied, version: version + 1, validFrom: '2026-03-10', promotion: 'second version' }] : documents;
});
type Terms = Record<string, unknown> & { huge: boolean; plain: boolean };
function withTerms({ condition, schedule, scope, lines, ...rule }: TestRule, { huge, plain, ...terms }: Terms, version: number): RuleDocument {
  // Rules that choose rarely fire; half of them don't, so that the ledger has something to do.
  const chooses = plain ? {} : { condition, schedule, scope, lines };
  const award: Award = huge && rule.award.kind === 'fixed' ? { ...rule.award, points: 2 ** 52 } : rule.award;
  return present({ ...rule, ...chooses, ...terms, award, version }) as RuleDocument;
}

const program = fc.record({
  timeZone: fc.constantFrom('UTC', 'America/New_York', 'Pacific/Kiritimati'), expiryFrom: maybe(fc.constantFrom('occurred' as const, 'received' as const)),
  unregistered: maybe(fc.record({ earn: fc.boolean(), spend: fc.constant(true) }), 25),
  unknownReturns: maybe(fc.record({ waitSeconds: fc.constantFrom(0, 3600, 200_000), then: fc.constantFrom('review' as const, 'ignore' as const) })),
  cardRanges: maybe(fc.constant([{ prefix: '1', length: 3, checkDigit: 'none' as const, product: 'card' }]), 25),
}).map((settings): ProgramDocument => present({ name: 'Default', currencies: world.program!.currencies!, ...settings }) as ProgramDocument);
const limits = fc.record({ latenessDays: maybe(fc.integer({ min: 1, max: 7 }), 30), returnWindowDays: maybe(fc.integer({ min: 0, max: 5 }), 30) }).map(present);

const parts = fc.record({ program, shop: limits, fuel: limits, rules: rules(1), later: rules(11) });
const worldArbitrary: fc.Arbitrary<World> = parts.map(({ program: document, shop, fuel, ...published }) => ({
  ...published, program: document,
  partners: {
    shop: { name: 'shop', program: 'default', currency: 'EUR', timeZone: 'UTC', ...world.partners!['shop'], ...shop },
    fuel: { name: 'fuel', program: 'default', timeZone: 'UTC', currency: 'EUR', ...world.partners!['fuel'], ...fuel },
    far: { name: 'far', program: 'second', timeZone: 'UTC', currency: 'USD' },
  },
}));

export const history = (actsMax: number): fc.Arbitrary<History> => (
  fc.record({ world: worldArbitrary, acts: fc.array(act, { minLength: 4, maxLength: actsMax, size: 'max' }) })
);
