/**
 * Reference data as the shard reads it: a published set, indexed by ordinals, zones as tables, products in typed arrays, rules compiled.
 * Immutable for evaluation: the same set gives the same answers on every shard and in every replay.
 *
 * Built from the previous one, it shares whatever did not change (names always, product tables by hash, rules by place), so that activating a version
 * costs only what is new; rules are compiled when a partner's first transaction needs them. Looking up allocates nothing.
 */
import { moneyExponents } from '../schemas/money.js';
import { looksLikePaymentCard } from '../schemas/payment-card.js';
import type { FormerZone, ReferenceSet } from '../schemas/reference.js';
import { ZoneClock } from './calendar.js';
import { ByteTable } from './reference/byte-table.js';
import { compileRanges, takesCard, type CompiledRange } from './reference/cards.js';
import { Names } from './reference/names.js';
import { ProductTableBuilding, type ProductTable } from './reference/product-table.js';
import { CompiledRules } from './rules/compile.js';
import { Text, type Transaction } from './transaction.js';

interface Partner { zone: number; exponent: number; stores: ByteTable | undefined; storeZones: number[]; products: ProductTable | undefined }
interface Program { zone: number; ranges: readonly CompiledRange[] | undefined; firstCurrency: number }

export class Reference {
  /** Texts by name ordinal (reference/names.ts); 0 is ''. */
  readonly names: string[];
  readonly rules: CompiledRules;
  readonly nameTable: Names;
  /** Program by partner ordinal. */
  readonly partnerProgram: Int32Array;
  /** Funder of an award that names none, by partner ordinal. */
  readonly partnerFunder: Int32Array;

  private readonly partnerTable = new ByteTable();
  private readonly programTable = new ByteTable();
  private ruleOrdinals: Map<string, number> | undefined;
  private funderOrdinals: Map<string, number> | undefined;
  private readonly zoneIds = new Map<string, number>();
  private readonly zones: ZoneClock[] = [];
  private readonly partners: Partner[];
  private readonly programs: Program[];

  /** `products`: contents by partner ordinal; those that `previous` has already (by hash), or that were `built` with its names, may be left out. */
  constructor(readonly set: ReferenceSet, products: ReadonlyMap<number, Uint8Array>, previous?: Reference, built: readonly ProductTable[] = [], names = previous?.nameTable ?? new Names()) {
    this.nameTable = names;
    this.names = this.nameTable.texts;
    for (const [id, table] of Object.entries(set.zones)) {
      this.zoneIds.set(id, this.zones.length);
      this.zones.push(new ZoneClock(table));
    }
    for (const { id } of set.partners) this.partnerTable.addText(id);
    for (const { id } of set.programs) this.programTable.addText(id);
    const before = previous?.partners.flatMap(({ products: table }) => table ?? []) ?? [];
    const known = new Map([...before, ...built].map((table) => [table.hash, table]));
    this.partners = set.partners.map(({ id, document }, ordinal) => ({
      zone: this.zoneId(document.timeZone), exponent: moneyExponents.get(document.currency) ?? 2, ...this.storesOf(document.stores ?? []),
      products: this.productsOf(id, set.products[ordinal], products.get(ordinal), known),
    }));
    this.programs = set.programs.map(({ document }, program) => ({
      zone: this.zoneId(document.timeZone), ranges: compileRanges(document.cardRanges),
      firstCurrency: set.currencies.findIndex((currency) => currency.program === program),
    }));
    this.partnerProgram = Int32Array.from(set.partners, ({ program }) => program);
    this.partnerFunder = Int32Array.from(set.partners, ({ id }) => set.funders.indexOf(id));
    this.rules = new CompiledRules(this, previous?.rules);
  }

  /** -1: unknown. */
  partnerOrdinal(bytes: Uint8Array, start: number, length: number): number {
    return this.partnerTable.find(bytes, start, length);
  }
  programOrdinal(bytes: Uint8Array, start: number, length: number): number {
    return this.programTable.find(bytes, start, length);
  }
  /** Ordinal of the currency of awards that name none. */
  firstCurrency(program: number): number {
    return this.programs[program]!.firstCurrency;
  }

  /** Ordinals by text, for rare paths; -1: unknown. */
  currencyOrdinal(id: string, program: number): number {
    return this.set.currencies.findIndex((currency) => currency.program === program && currency.id === id);
  }
  funderOrdinal(id: string): number {
    this.funderOrdinals ??= new Map(this.set.funders.map((funder, ordinal) => [funder, ordinal]));
    return this.funderOrdinals.get(id) ?? -1;
  }
  /** Ordinal of a rule's id, -1: unknown. */
  ruleOrdinal(program: number, id: string): number {
    this.ruleOrdinals ??= new Map(this.set.ruleIds.map((rule, ordinal) => [`${rule.program} ${rule.id}`, ordinal]));
    return this.ruleOrdinals.get(`${program} ${id}`) ?? -1;
  }

  /**
   * Fills lineProduct, lineCategory, lineDepartment and lineBrand. A line's own category counts before the product's; -1: a text past the bound of
   * names, read it from the line.
   */
  resolveLines(t: Transaction): void {
    const { products } = this.partners[t.partnerOrdinal]!, { lineCount, categoryLength, lineCategory } = t;
    if (products !== undefined) products.resolve(t);
    else leaveUnresolved(t);
    for (let i = 0; i < lineCount; i++) {
      if (categoryLength[i] !== 0) lineCategory[i] = this.nameTable.intern(t.bytes, t.categoryStart[i]!, categoryLength[i]!);
    }
  }
  productTable(partner: number): ProductTable | undefined {
    return this.partners[partner]!.products;
  }
  /** The first partner that has these products. */
  partnerOfProducts(products: ProductTable): number {
    return this.partners.findIndex((partner) => partner.products === products);
  }

  /** The zone's number in this version; throws for a zone that the set has no table of. */
  zoneId(zone: string): number {
    const id = this.zoneIds.get(zone);
    if (id === undefined) throw new Error(`reference set ${this.set.version} has no table of zone ${zone}`);
    return id;
  }
  /** Day number of the local date. */
  localDay(zone: number, ms: number): number {
    return this.zones[zone]!.day(ms);
  }
  /** Minutes since Monday 00:00, local time. */
  localMinuteOfWeek(zone: number, ms: number): number {
    return this.zones[zone]!.minuteOfWeek(ms);
  }
  /** The zone of the transaction's store; of its partner when the store is unknown or states none. */
  storeZone(t: Transaction): number {
    const { stores, storeZones, zone } = this.partners[t.partnerOrdinal]!;
    if (stores === undefined) return zone;
    const store = stores.find(t.bytes, t.text[2 * Text.store]!, t.text[2 * Text.store + 1]!);
    return store < 0 ? zone : storeZones[store]!;
  }
  /** The same as it was in the reference data of a version, for purchases that were decided with those. */
  storeZoneThen(t: Transaction, version: number): number {
    const { formerZones, document: { timeZone, stores = [] } } = this.set.partners[t.partnerOrdinal]!;
    if (formerZones === undefined) return this.storeZone(t);
    const store = t.string(Text.store), left = zoneLeft(formerZones, version, store);
    const own = left === undefined ? stores.find(({ id }) => id === store)?.timeZone : left.timeZone;
    return this.zoneId(own ?? zoneLeft(formerZones, version)?.timeZone ?? timeZone);
  }
  programZone(program: number): number {
    return this.programs[program]!.zone;
  }
  programDay(program: number, ms: number): number {
    return this.zones[this.programs[program]!.zone]!.day(ms);
  }

  /** By the zone that the program had in the reference data of a version. */
  programDayThen(program: number, ms: number, version: number): number {
    const { formerZones = [] } = this.set.programs[program]!, left = zoneLeft(formerZones, version);
    return left === undefined ? this.programDay(program, ms) : this.localDay(this.zoneId(left.timeZone!), ms);
  }

  /** Decimals of the transaction's currency of money, of its partner's when it names none. */
  moneyExponent(t: Transaction): number {
    const length = t.text[2 * Text.currency + 1]!;
    if (length === 0) return this.partners[t.partnerOrdinal]!.exponent;
    return length === 3 ? exponentOf(t.bytes, t.text[2 * Text.currency]!) : 2;
  }

  takesCard(program: number, bytes: Uint8Array, start: number, length: number): boolean {
    return takesCard(this.programs[program]!.ranges, bytes, start, length);
  }
  /** The reason for a card that is not taken. */
  whyNotTaken(bytes: Uint8Array, start: number, length: number): 'payment-card' | 'unknown-card' {
    return looksLikePaymentCard(bytes, start, length) ? 'payment-card' : 'unknown-card';
  }

  private storesOf(stores: readonly { id: string; timeZone?: string }[]): { stores: ByteTable | undefined; storeZones: number[] } {
    const withZone = stores.filter(({ timeZone }) => timeZone !== undefined);
    if (withZone.length === 0) return { stores: undefined, storeZones: [] };
    const table = new ByteTable(withZone.length);
    for (const { id } of withZone) table.addText(id);
    return { stores: table, storeZones: withZone.map(({ timeZone }) => this.zoneId(timeZone!)) };
  }
  private productsOf(
    partner: string, hash: string | undefined, content: Uint8Array | undefined, known: ReadonlyMap<string, ProductTable>,
  ): ProductTable | undefined {
    if (hash === undefined) return undefined;
    const table = known.get(hash);
    if (table !== undefined) return table;
    if (content === undefined) throw new Error(`reference set ${this.set.version} lacks the products of partner ${partner}`);
    return new ProductTableBuilding(hash, content, this.nameTable).step(Infinity);
  }
}

/** What came to an end first of the zones that a version may have had; undefined: it has the zone of now. */
const zoneLeft = (zones: readonly FormerZone[], version: number, store?: string): FormerZone | undefined => zones.find((zone) => zone.store === store && version < zone.until);

function leaveUnresolved({ lineCount, lineProduct, lineCategory, lineDepartment, lineBrand }: Transaction): void {
  for (let i = 0; i < lineCount; i++) {
    lineProduct[i] = -1;
    lineCategory[i] = lineDepartment[i] = lineBrand[i] = 0;
  }
}

/** Exponents of codes of three letters A–Z, by their number in base 32; 2 for the rest. */
const exponentByCode = new Uint8Array(1 << 15).fill(2);
for (const [code, exponent] of moneyExponents) exponentByCode[codeNumber(Buffer.from(code), 0)] = exponent;

function codeNumber(bytes: Uint8Array, start: number): number {
  return (bytes[start]! & 31) << 10 | (bytes[start + 1]! & 31) << 5 | (bytes[start + 2]! & 31);
}
function exponentOf(bytes: Uint8Array, start: number): number {
  return exponentByCode[codeNumber(bytes, start)]!;
}
