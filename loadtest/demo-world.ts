/**
 * The demo's coalition: five partners, what they sell, twelve promotions, and what goes wrong with a few of their purchases. The same for the same
 * seed.
 */
import type { PartnerDocument, ProductDocument, RuleDocument } from '../schemas/reference.js';
import type { GeneratedDocument } from './generator.js';
import { Random } from './random.js';
import type { World } from './world.js';

const DAY_MS = 86_400_000;
const STORES_PER_PARTNER = 24, VARIETIES = 8;
const kilograms = ['Fruit', 'Vegetables', 'Cheese counter', 'Meat', 'Screws'];

/** What partners sell: department → category → things; each thing comes in a few varieties. Cents for one. */
const assortments: { id: string; name: string; departments: Record<string, Record<string, [thing: string, cents: number][]>> }[] = [
  { id: 'green-basket', name: 'Green Basket', departments: {
    Fresh: { Fruit: [['Apples', 249], ['Bananas', 179], ['Grapes', 399]], Vegetables: [['Tomatoes', 299], ['Potatoes', 149]], Meat: [['Chicken', 899], ['Mince', 749]] },
    Chilled: { Dairy: [['Milk', 119], ['Butter', 229], ['Yoghurt', 89]], 'Cheese counter': [['Gouda', 1190], ['Feta', 990]] },
    Pantry: { Bakery: [['Bread', 279], ['Rolls', 199]], Coffee: [['Ground coffee', 599], ['Coffee beans', 1299]], Sweets: [['Chocolate', 149], ['Biscuits', 189]] },
  } },
  {
    id: 'petrolo', name: 'Petrolo',
    departments: {
      Forecourt: { Fuel: [['Unleaded 95', 174], ['Diesel', 166]], 'Car wash': [['Car wash', 999]] },
      Shop: { Snacks: [['Sandwich', 449], ['Cola', 219]], Oil: [['Motor oil', 1899]] },
    },
  },
  {
    id: 'pharma-plus', name: 'Pharma Plus',
    departments: {
      Health: { Vitamins: [['Vitamin C', 799], ['Magnesium', 999]], 'First aid': [['Plasters', 349]] },
      Beauty: { Skin: [['Hand cream', 499], ['Sun cream', 1299]], Hair: [['Shampoo', 399]] },
    },
  },
  {
    id: 'homeworks', name: 'Homeworks',
    departments: {
      Tools: { 'Hand tools': [['Hammer', 1499], ['Screwdriver', 899]], Screws: [['Screws', 699]] },
      Garden: { Plants: [['Basil', 299], ['Rose', 1199]], Soil: [['Potting soil', 599]] },
    },
  },
  {
    id: 'cafe-corner', name: 'Café Corner',
    departments: { Counter: { 'Hot drinks': [['Espresso', 220], ['Cappuccino', 340], ['Tea', 260]], Cakes: [['Cheesecake', 390], ['Croissant', 210]] } },
  },
];
const varieties = ['classic', 'organic', 'family', 'mini', 'premium', 'light', 'house', 'fair'];
const brands = ['Alpenhof', 'Northwind', 'Casa Verde', 'Lumen', 'Own label'];

const promotions: RuleDocument[] = [
  {
    id: 'base', version: 1, promotion: 'A point for every euro', phase: -1, award: { kind: 'perAmount', points: 1, amount: 100 },
    expiresAfterDays: 730,
  },
  {
    id: 'welcome', version: 1, promotion: 'Welcome to the coalition', award: { kind: 'firstPurchase', points: 250 },
    funding: [{ funder: 'coalition', parts: 1 }], pendingDays: 14,
  },
  {
    id: 'fresh-week', version: 1, promotion: 'Fresh weeks', scope: { partners: ['green-basket'] },
    lines: { departments: ['Fresh', 'PRODUCE', 'MEAT'] }, basis: 'line', rounding: 'half-up', award: { kind: 'percent', percent: 50 },
    caps: { perTransaction: 60 },
  },
  {
    id: 'house-brands', version: 1, promotion: 'House brands',
    lines: { brands: ['Alpenhof', 'Private'], exclude: { categories: ['Fuel', 'Screws'] } }, award: { kind: 'perUnit', points: 5 },
    funding: [{ funder: 'alpenhof', parts: 2 }, { funder: 'green-basket', parts: 1 }], expiresAfterDays: 180,
  },
  {
    id: 'fuel-litres', version: 1, promotion: 'Points at the pump', scope: { partners: ['petrolo'] }, lines: { categories: ['Fuel'] },
    award: { kind: 'perUnit', points: 2 },
  },
  {
    id: 'weekend', version: 1, promotion: 'Double weekend', schedule: { weekdays: ['sat', 'sun'] },
    award: { kind: 'multiplier', factor: 2, of: ['base'], combine: 'sum' },
  },
  {
    id: 'app', version: 1, promotion: 'App only', scope: { channels: ['app'] },
    award: { kind: 'multiplier', factor: 1.5, of: ['base'], combine: 'multiply' },
  },
  {
    id: 'big-basket', version: 1, promotion: 'Big basket', condition: 'transaction.total >= 5000', award: { kind: 'fixed', points: 40 },
    stacking: { group: 'basket', mode: 'best' }, onReturn: 'requalify',
  },
  {
    id: 'colourful-basket', version: 1, promotion: 'Colourful basket', condition: 'transaction.categories >= 4', award: { kind: 'fixed', points: 30 },
    stacking: { group: 'basket', mode: 'best' }, onReturn: 'requalify',
  },
  {
    id: 'tenth-coffee', version: 1, promotion: 'Every tenth coffee', scope: { partners: ['cafe-corner'] }, lines: { categories: ['Hot drinks'] },
    award: { kind: 'everyNth', n: 10, points: 120 }, onReturn: 'keep',
  },
  {
    id: 'monthly-hundred', version: 1, promotion: 'A hundred a month',
    award: { kind: 'spendThreshold', amount: 10_000, points: 100, period: 'month', repeat: true }, funding: [{ funder: 'coalition', parts: 1 }],
  },
  {
    id: 'happy-hour', version: 1, promotion: 'Happy hour', scope: { partners: ['cafe-corner', 'pharma-plus'] },
    schedule: { from: '15:00', to: '17:00' }, award: { kind: 'fixed', points: 10 }, caps: { perAccountPerDay: 20 },
  },
];

interface Sold { document: ProductDocument; cents: number; weighed: boolean }

export class DemoWorld implements World {
  readonly partnerIds = assortments.map(({ id }) => id);
  readonly storesPerPartner = STORES_PER_PARTNER;
  /** As many as the smallest assortment has: products are drawn by number. */
  readonly productsPerPartner: number;
  private readonly sold: Sold[][];

  constructor(private readonly seed: number) {
    this.sold = assortments.map(({ departments }) => Object.entries(departments).flatMap(([department, categories]) =>
      Object.entries(categories).flatMap(([category, things]) => things.map(([thing, cents]) => ({ department, category, thing, cents }))))
      .flatMap((thing) => Array.from({ length: VARIETIES }, (_, variety) => ({ ...thing, variety })))
      .map(({ department, category, thing, cents, variety }, place): Sold => ({
        document: { sku: this.sku(place), name: `${thing}, ${varieties[variety]!}`, category, department, brand: brands[(place * 7 + variety) % brands.length]! },
        cents: Math.round(cents * (1 + variety / 10)), weighed: kilograms.includes(category),
      })));
    this.productsPerPartner = Math.min(...this.sold.map(({ length }) => length));
    // Popular products come first: what is drawn often should not all be of one category.
    for (const list of this.sold) list.sort((a, b) => Number(a.document.sku) % VARIETIES - Number(b.document.sku) % VARIETIES);
    for (const list of this.sold) list.forEach((product, place) => (product.document = { ...product.document, sku: this.sku(place) }));
  }
  store(partner: number, store: number): string {
    return `${this.partnerIds[partner]!}-${String(store + 1).padStart(2, '0')}`;
  }
  sku(product: number): string {
    return String(1000 + product);
  }
  price(partner: number, product: number): number {
    return this.sold[partner]![product]!.cents;
  }
  isWeighed(partner: number, product: number): boolean {
    return this.sold[partner]![product]!.weighed;
  }
  partnerDocument(partner: number): PartnerDocument {
    return {
      name: assortments[partner]!.name, program: 'default', timeZone: 'Europe/Berlin', currency: 'EUR',
      stores: Array.from({ length: STORES_PER_PARTNER }, (_, store) => ({ id: this.store(partner, store), region: ['North', 'South', 'East', 'West'][store % 4]! })),
    };
  }
  productDocuments(partner: number): ProductDocument[] {
    return this.sold[partner]!.map(({ document }) => document);
  }

  /**
   * One in a hundred comes late, six in a thousand are broken: an unknown field, a wrong amount, total or date, an unknown partner, the future, other
   * content under a known id.
   */
  spoil(document: GeneratedDocument, n: number): object {
    const random = new Random(this.seed + 1).at(n), chance = random.below(1000);
    if (chance >= 16) return document;
    const atMs = Date.parse(document.occurredAt);
    if (chance >= 6) return { ...document, occurredAt: new Date(atMs - (30 + random.below(300)) * DAY_MS).toISOString() };
    // Broken ones have ids of their own, so as not to stand in the way of a repeat.
    const { channel, ...rest } = document, broken = { ...document, id: `x${document.id}` }, [first, ...others] = document.lines ?? [];
    switch (random.below(7)) {
      case 0: return { ...rest, id: broken.id, chanel: channel };
      case 1: return first ? { ...broken, lines: [{ ...first, amount: -first.amount }, ...others] } : broken;
      case 2: return { ...broken, total: 1 };
      case 3: return { ...broken, occurredAt: document.occurredAt.replace(/^\d+-\d+-\d+/, '2026-02-30') };
      case 4: return { ...broken, partner: 'corner-shop' };
      case 5: return { ...broken, occurredAt: document.occurredAt.replace(/^\d+/, '2099') };
      default: return { ...document, id: document.id.slice(0, -3) + '000' };
    }
  }
}

/** The twelve promotions; those of partners that do not take part are for all that do. */
export function demoRules(partnerIds: readonly string[]): RuleDocument[] {
  return promotions.map(({ scope, ...rule }) => {
    const partners = scope?.partners?.filter((id) => partnerIds.includes(id));
    const { partners: _some, ...rest } = scope ?? {};
    return { ...rule, ...(scope && { scope: { ...rest, ...(partners?.length && { partners }) } }) };
  });
}
