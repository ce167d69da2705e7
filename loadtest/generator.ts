/**
 * Generated purchases, the same for the same seed: transaction n depends on the seed and n alone. As the contract's documents (for HTTP and files),
 * or written straight into a Transaction for envelopes (for the drain), without an object or a string per transaction.
 *
 * 1 % are duplicates of transaction n - 1009, 2 % return (whole, or a part of) purchase n - 5003; both have the card, so the order, of what they
 * repeat or return. A product is often bought together with its neighbour, popular products and (zipf) accounts more often than others.
 */
import { Kind, Text, TEXT_FIELDS, type Transaction } from '../workers/transaction.js';
import { Random } from './random.js';
import type { World } from './world.js';

const DUPLICATE_DISTANCE = 1009, RETURN_DISTANCE = 5003, LINES_MAX = 9;
const channels = ['pos', 'pos', 'pos', 'pos', 'pos', 'pos', 'web', 'web', 'app', 'app'] as const;
const SCRATCH_BYTES = 128, ID_DIGITS = 10, CARD_DIGITS = 11;
const DAY_MS = 86_400_000;

export interface GeneratorOptions {
  seed: number;
  /** How many transactions the days are spread over. */
  transactions: number;
  accounts: number;
  /** How the accounts are drawn: each as often as the others, or the k-th in proportion to 1/k. */
  distribution: 'uniform' | 'zipf';
  /** Transaction 0 happens then; the last one `days` later. */
  startMs: number;
  days: number;
  /** Put before the number in ids. */
  idPrefix?: string;
}

export interface GeneratedDocument {
  id: string;
  kind: 'purchase' | 'return';
  partner: string;
  store: string;
  channel: string;
  card: string;
  occurredAt: string;
  currency: string;
  lines?: { sku?: string; line?: number; quantity: number; amount: number; discount?: number }[];
  original?: { id: string };
}

/** One transaction in numbers; refilled for each. */
export class Draft {
  kind: 'purchase' | 'return' = 'purchase';
  /** Number that its id is made of: of a duplicate that of the first posting. */
  number = 0;
  original = 0;
  partner = 0;
  store = 0;
  channel = 0;
  account = 0;
  occurredAtMs = 0;
  /** 0: a return of all that remains. */
  lineCount = 0;
  readonly product = new Int32Array(LINES_MAX);
  /** Number of the line, as a return names it. */
  readonly line = new Int32Array(LINES_MAX);
  readonly quantity = new Int32Array(LINES_MAX);
  readonly amount = new Int32Array(LINES_MAX);
  readonly discount = new Int32Array(LINES_MAX);
}

export class Generator {
  readonly draft = new Draft();
  private readonly random: Random;
  private readonly prefix: string;
  private readonly texts: Texts;

  constructor(readonly options: GeneratorOptions, readonly world: World) {
    this.random = new Random(options.seed);
    this.prefix = options.idPrefix ?? 't';
    this.texts = new Texts(world, this.prefix);
  }

  /** Transaction n in numbers. */
  draw(n: number): Draft {
    const chance = this.random.at(n).fraction();
    if (chance < 0.01 && n >= DUPLICATE_DISTANCE) return this.draw(n - DUPLICATE_DISTANCE);
    if (chance < 0.03 && n >= RETURN_DISTANCE && this.random.at(n - RETURN_DISTANCE).fraction() >= 0.03) return this.drawReturn(n, n - RETURN_DISTANCE);
    return this.drawPurchase(n);
  }

  /** As a partner would post it. */
  document(n: number): GeneratedDocument {
    const { world } = this;
    const draft = this.draw(n);
    const document: GeneratedDocument = {
      id: this.id(draft.number), kind: draft.kind, partner: world.partnerIds[draft.partner]!, store: world.store(draft.partner, draft.store),
      channel: channels[draft.channel]!,
      card: this.card(draft.account), occurredAt: new Date(draft.occurredAtMs).toISOString(), currency: 'EUR',
    };
    if (draft.kind === 'return') document.original = { id: this.id(draft.original) };
    if (draft.lineCount === 0) return document;
    document.lines = Array.from({ length: draft.lineCount }, (_, i) => ({
      ...(draft.kind === 'return' ? { line: draft.line[i]! } : { sku: world.sku(draft.product[i]!) }),
      quantity: draft.quantity[i]! / 1000, amount: draft.amount[i]!, ...(draft.discount[i]! > 0 && { discount: draft.discount[i]! }),
    }));
    return document;
  }
  /** The same as JSON text; ids of a world need no escapes. */
  json(n: number): string {
    const { world } = this;
    const draft = this.draw(n);
    let text = `{"id":"${this.id(draft.number)}","kind":"${draft.kind}","partner":"${world.partnerIds[draft.partner]!}","store":"${world.store(draft.partner, draft.store)}"`
      + `,"channel":"${channels[draft.channel]!}","card":"${this.card(draft.account)}","occurredAt":"${new Date(draft.occurredAtMs).toISOString()}","currency":"EUR"`;
    if (draft.kind === 'return') text += `,"original":{"id":"${this.id(draft.original)}"}`;
    for (let i = 0; i < draft.lineCount; i++) {
      text += `${i === 0 ? ',"lines":[' : ','}{${draft.kind === 'return' ? `"line":${draft.line[i]!}` : `"sku":"${world.sku(draft.product[i]!)}"`}`
        + `,"quantity":${draft.quantity[i]! / 1000},"amount":${draft.amount[i]!}${draft.discount[i]! > 0 ? `,"discount":${draft.discount[i]!}` : ''}}`;
    }
    return `${text}${draft.lineCount > 0 ? ']}' : '}'}`;
  }
  id(number: number): string {
    return this.prefix + String(number).padStart(ID_DIGITS, '0');
  }
  card(account: number): string {
    return `29${String(account).padStart(CARD_DIGITS, '0')}`;
  }

  /** Writes transaction n; its texts are valid until the next one. */
  fill(n: number, t: Transaction): void {
    const draft = this.draw(n);
    this.texts.fill(draft, t);
    t.index = 0;
    t.kind = draft.kind === 'return' ? Kind.return : Kind.purchase;
    t.occurredAtMs = draft.occurredAtMs;
    t.lineCount = draft.lineCount;
    t.total = 0;
    for (let i = 0; i < draft.lineCount; i++) {
      t.lineNumber[i] = draft.line[i]!;
      t.lineKind[i] = 0;
      t.categoryLength[i] = 0;
      t.quantity[i] = draft.quantity[i]!;
      t.amount[i] = draft.amount[i]!;
      t.discount[i] = draft.discount[i]!;
      t.total += draft.amount[i]!;
    }
    t.tenders = undefined;
    t.coupons = undefined;
  }

  private drawPurchase(n: number): Draft {
    const { random, draft, world, options } = this;
    random.at(n).next();
    draft.kind = 'purchase';
    draft.number = n;
    draft.account = options.distribution === 'uniform' ? random.below(options.accounts) : Math.min(options.accounts - 1, Math.floor(options.accounts ** random.fraction()) - 1);
    draft.partner = random.below(world.partnerIds.length);
    draft.store = random.below(world.storesPerPartner);
    draft.channel = random.below(channels.length);
    draft.occurredAtMs = options.startMs + Math.floor((n / options.transactions) * options.days * DAY_MS) + random.below(60_000);
    draft.lineCount = 1 + random.below(LINES_MAX);
    for (let i = 0; i < draft.lineCount; i++) this.drawLine(i);
    return draft;
  }
  private drawLine(i: number): void {
    const { random, draft, world } = this;
    const together = i > 0 && random.below(4) === 0;
    const product = together ? draft.product[i - 1]! ^ 1 : Math.floor(world.productsPerPartner * random.fraction() ** 2);
    draft.product[i] = product < world.productsPerPartner ? product : product - 1;
    draft.line[i] = i + 1;
    draft.quantity[i] = world.isWeighed(draft.partner, draft.product[i]!) ? 200 + random.below(2000) : 1000 * (1 + Math.floor(3 * random.fraction() ** 2));
    const full = Math.ceil((world.price(draft.partner, draft.product[i]!) * draft.quantity[i]!) / 1000);
    draft.discount[i] = random.below(10) === 0 ? Math.floor(full / 10) : 0;
    draft.amount[i] = full - draft.discount[i]!;
  }
  /** Half of the returns take everything, the others one line or the half of it. */
  private drawReturn(n: number, original: number): Draft {
    const { random, options } = this;
    const draft = this.drawPurchase(original);
    random.at(n).next();
    draft.kind = 'return';
    draft.number = n;
    draft.original = original;
    draft.occurredAtMs = options.startMs + Math.floor((n / options.transactions) * options.days * DAY_MS) + random.below(60_000);
    if (random.below(2) === 0) {
      draft.lineCount = 0;
      return draft;
    }
    const line = random.below(draft.lineCount), half = draft.quantity[line]! > 1 && draft.amount[line]! > 1 && random.below(2) === 0;
    draft.lineCount = 1;
    draft.line[0] = line + 1;
    draft.quantity[0] = half ? Math.floor(draft.quantity[line]! / 2) : draft.quantity[line]!;
    draft.amount[0] = half ? Math.floor(draft.amount[line]! / 2) : draft.amount[line]!;
    draft.discount[0] = 0;
    return draft;
  }
}

/** All texts that purchases share, once, in one piece of memory; the numbers of a transaction are written behind them. */
class Texts {
  private readonly bytes: Uint8Array;
  private readonly partners: [start: number, length: number][];
  private readonly stores: [start: number, length: number][][];
  private readonly channelPlaces: [start: number, length: number][];
  private readonly skus: [start: number, length: number][];
  private readonly currency: [start: number, length: number];
  private readonly scratch: number;

  constructor(world: World, private readonly prefix: string) {
    const parts: Buffer[] = [];
    let at = 0;
    const keep = (text: string): [number, number] => {
      const part = Buffer.from(text, 'utf8');
      parts.push(part);
      at += part.length;
      return [at - part.length, part.length];
    };
    this.partners = world.partnerIds.map(keep);
    this.stores = world.partnerIds.map((_, partner) => Array.from({ length: world.storesPerPartner }, (_, store) => keep(world.store(partner, store))));
    this.channelPlaces = channels.map(keep);
    this.currency = keep('EUR');
    this.skus = Array.from({ length: world.productsPerPartner }, (_, product) => keep(world.sku(product)));
    this.scratch = at;
    this.bytes = Buffer.concat([...parts, Buffer.alloc(SCRATCH_BYTES)]);
  }

  fill(draft: Draft, t: Transaction): void {
    t.bytes = this.bytes;
    const { text } = t;
    for (let i = 0; i < 2 * TEXT_FIELDS; i++) text[i] = 0;
    const place = (field: number, [start, length]: [number, number]): void => {
      text[2 * field] = start;
      text[2 * field + 1] = length;
    };
    place(Text.partner, this.partners[draft.partner]!);
    place(Text.store, this.stores[draft.partner]![draft.store]!);
    place(Text.channel, this.channelPlaces[draft.channel]!);
    place(Text.currency, this.currency);
    let at = this.number(t, Text.id, this.scratch, this.prefix, draft.number, ID_DIGITS);
    at = this.number(t, Text.card, at, '29', draft.account, CARD_DIGITS);
    if (draft.kind === 'return') this.number(t, Text.originalId, at, this.prefix, draft.original, ID_DIGITS);
    for (let i = 0; i < draft.lineCount; i++) {
      const sku = this.skus[draft.product[i]!]!;
      t.skuStart[i] = sku[0];
      t.skuLength[i] = draft.kind === 'return' ? 0 : sku[1];
    }
  }
  private number(t: Transaction, field: number, start: number, prefix: string, value: number, digits: number): number {
    const { bytes } = this;
    for (let i = 0; i < prefix.length; i++) bytes[start + i] = prefix.charCodeAt(i);
    let rest = value;
    for (let at = start + prefix.length + digits - 1; at >= start + prefix.length; at--) {
      const tenth = Math.floor(rest / 10);
      bytes[at] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    const length = prefix.length + digits;
    t.text[2 * field] = start;
    t.text[2 * field + 1] = length;
    return start + length;
  }
}
