/**
 * The transactions of the peers' job, as records that a trusted producer writes: MessagePack maps with the contract's names, keyed by the card's text. Record n depends on n and on the
 * number of cards alone.
 */
import { Packr } from 'msgpackr';
import { partitionOf } from '../../workers/hash.js';

export const PARTNERS = 50;
const STORES = 2000, TERMINALS = 8000, SKUS = 80_000, CATEGORIES = 100, LINES_MAX = 9;
/** Ten digits, which nobody takes for the number of a payment card. */
const FIRST_CARD = 2_000_000_000;
/** 29 ms apart, so that three million cover a day and the happy hours come. */
const BEGIN_MS = 1_700_000_000_000, STEP_MS = 29;
/** An odd multiplier (of the golden ratio) visits the cards in an order that looks random. */
const SPREAD = 2_654_435_761;

export interface Line { sku: number; quantity: number; amount: number; category: number }
export interface Purchase { number: number; card: string; partner: number; occurredAtMs: number; lines: Line[] }

export function purchase(number: number, cards: number): Purchase {
  const lines = Array.from({ length: 1 + (number % LINES_MAX) }, (_, i): Line => {
    const sku = (number * 31 + i * 7) % SKUS;
    return { sku, quantity: 1 + (i % 3), amount: 10_000 + ((number * 17 + i * 331) % 200_000), category: sku % CATEGORIES };
  });
  return { number, card: String(FIRST_CARD + ((Math.imul(number, SPREAD) >>> 0) % cards)), partner: number % PARTNERS, occurredAtMs: BEGIN_MS + number * STEP_MS, lines };
}

export const partnerId = (partner: number): string => `p${partner}`;
export const categoryId = (category: number): string => `c${category}`;

/** As the contract has it (POST /v1/transactions takes the same). */
export function document({ number, card, partner, occurredAtMs, lines }: Purchase): Record<string, unknown> {
  return {
    id: `${partnerId(partner)}-${number}`, kind: 'purchase', partner: partnerId(partner), store: `s${number % STORES}`, terminal: `t${number % TERMINALS}`, card,
    // A BigInt becomes an integer of 64 bits; of a number this large msgpackr makes a double.
    occurredAt: BigInt(occurredAtMs), currency: 'EUR', lines: lines.map(({ sku, quantity, amount, category }) => ({ sku: String(sku), quantity, amount, category: categoryId(category) })),
  };
}

export interface KeyedRecord { partition: number; key: string; value: Buffer }
const packr = new Packr({ useRecords: false, variableMapSize: true });

/** Partitioned as Kafka's default partitioner does it. */
export function record(given: Purchase, partitions: number): KeyedRecord {
  const key = Buffer.from(given.card);
  return { partition: partitionOf(key, 0, key.length, partitions), key: given.card, value: packr.pack(document(given)) };
}
