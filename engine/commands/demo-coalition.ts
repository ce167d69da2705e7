/** The coalition of a demo: generated (loadtest/), or one partner with the files that the user has. */
import { createReadStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { Generator, type GeneratedDocument } from '../../loadtest/generator.js';
import { loadRules } from '../../loadtest/rule-sets.js';
import { GeneratedWorld } from '../../loadtest/world.js';
import { CommandError, exitCodes, type Options } from './command.js';
import type { Coalition } from './demo-feed.js';
import { openSource } from './feed-source.js';

const SEED = 42;
const ACCOUNTS = 100_000;
const PARTNERS = 5;
const PROMOTIONS = 12;
const STORES = 200;
const PRODUCTS = 5000;
const DAYS = 30;
const DAY_MS = 86_400_000;
const BATCH_BYTES = 2 ** 20;
const HEAD_BYTES = 1 << 16;
const FILE_BATCH_BYTES = 4 * 2 ** 20;

/** Days of expiry are counted from when a purchase is received: old files would else arrive expired. */
const program = { name: 'Demo', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' };

const world = (): GeneratedWorld => new GeneratedWorld({ seed: SEED, partners: PARTNERS, stores: STORES, products: PRODUCTS });

export function generatedCoalition(transactions: number): Coalition {
  const coalition = world();
  const generator = new Generator({ seed: SEED, transactions, accounts: ACCOUNTS, distribution: 'zipf', startMs: Date.now() - DAYS * DAY_MS, days: DAYS }, coalition);
  const names = new Map<string, Map<string, string>>();
  return {
    program, rules: loadRules(coalition, PROMOTIONS), expected: transactions, query: '',
    partners: coalition.partnerIds.map((id, partner) => ({ id, document: coalition.partnerDocument(partner) })),
    products: async (id) => {
      const documents = coalition.productDocuments(coalition.partnerIds.indexOf(id));
      names.set(id, new Map(documents.map(({ sku, name = sku }) => [sku, name])));
      return documents.map((document) => `${JSON.stringify(document)}\n`).join('');
    },
    productName: (partner, sku) => names.get(partner)?.get(sku) ?? sku,
    async *batches() {
      let lines: string[] = [], bytes = 0;
      for (let n = 0; n < transactions; n++) {
        const line = `${JSON.stringify(spoil(generator.document(n), n))}\n`;
        lines.push(line);
        bytes += line.length;
        if (bytes < BATCH_BYTES && n < transactions - 1) continue;
        yield { bytes: Buffer.from(lines.join('')), count: lines.length };
        [lines, bytes] = [[], 0];
      }
    },
  };
}

/** One in 500 is broken in one of the ways that partners' exports are. */
function spoil(document: GeneratedDocument, n: number): object {
  if (n % 500 !== 499) return document;
  const ways: object[] = [
    { ...document, occurredAt: document.occurredAt.slice(0, 10) },
    { ...document, currency: undefined },
    { ...document, lines: [{ sku: '1', quantity: 1, amount: 12.5 }] },
    { ...document, occuredAt: document.occurredAt },
    { ...document, occurredAt: new Date(Date.now() + DAY_MS).toISOString() },
  ];
  return ways[Math.floor(n / 500) % ways.length]!;
}

export async function coalitionOfFile(options: Options): Promise<Coalition> {
  const { input, products: productsFile, partner } = options as { input: string; products?: string; partner?: string };
  if (partner === undefined) throw new CommandError(exitCodes.usage, '--input needs --partner ID');
  const products = productsFile === undefined ? Buffer.alloc(0) : await readWhole(productsFile);
  const names = new Map(products.toString('utf8').split('\n').filter((line) => line.trim() !== '').map((line) => {
    const { sku, name = sku } = JSON.parse(line) as { sku: string; name?: string };
    return [sku, name] as const;
  }));
  return {
    program, rules: loadRules(world(), PROMOTIONS).map((rule) => ({ ...rule, scope: undefined })), expected: undefined, query: `?partner=${encodeURIComponent(partner)}`,
    partners: [{ id: partner, document: { name: partner, program: 'default', timeZone: 'UTC', currency: await currencyOf(input) } }],
    products: async () => products,
    productName: (_partner, sku) => names.get(sku) ?? sku,
    batches: () => openSource(input, { batchBytes: FILE_BATCH_BYTES, fromByte: 0, fromRow: 0 }),
  };
}

/** Of the first purchase in the file. */
async function currencyOf(file: string): Promise<string> {
  for await (const { bytes } of openSource(file, { batchBytes: HEAD_BYTES, fromByte: 0, fromRow: 0 })) {
    const [, currency] = /"currency"\s*:\s*"([A-Z]{3})"/.exec(Buffer.from(bytes).toString('utf8')) ?? [];
    return currency ?? 'EUR';
  }
  throw new CommandError(exitCodes.usage, `${file} is empty`);
}

async function readWhole(file: string): Promise<Buffer> {
  const raw = createReadStream(file);
  const inflated = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  raw.once('error', (error) => inflated.destroy(error));
  return buffer(inflated);
}
