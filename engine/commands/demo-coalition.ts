/** The coalition of a demo: generated (loadtest/), or one partner with the files that the user has. */
import { buffer } from 'node:stream/consumers';
import { isDeepStrictEqual } from 'node:util';
import { demoRules, DemoWorld } from '../../loadtest/demo-world.js';
import { Generator } from '../../loadtest/generator.js';
import type { PartnerDocument, ReferenceSet, RuleDocument } from '../../schemas/reference.js';
import { CommandError, exitCodes, type Options } from './command.js';
import type { Coalition } from './demo-feed.js';
import { openSource } from './feed-source.js';
import { expectReadable } from './named-file.js';
import { openFile } from './open-file.js';

const SEED = 42;
const ACCOUNTS = 100_000;
const DAYS = 30;
const DAY_MS = 86_400_000;
const BATCH_BYTES = 2 ** 20;
const HEAD_BYTES = 1 << 16;
const FILE_BATCH_BYTES = 4 * 2 ** 20;

const advice = {
  format: 'the demo goes by the name: call it (or a link to it) .ndjson, .csv, .ndjson.gz or .csv.gz',
  columns: '(the demo takes no mapping: rename or remove the column, or feed the file to pointstream serve with feed --mapping, docs/feeding.md)',
};

/** Days of expiry are counted from when a purchase is received: old files would else arrive expired. */
const program = { name: 'Demo', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' };

export function generatedCoalition(transactions: number): Coalition {
  const world = new DemoWorld(SEED);
  const generator = new Generator({ seed: SEED, transactions, accounts: ACCOUNTS, distribution: 'zipf', startMs: Date.now() - DAYS * DAY_MS, days: DAYS }, world);
  const names = new Map<string, Map<string, string>>();
  return {
    program, rules: demoRules(world.partnerIds), expected: transactions, query: '',
    partners: world.partnerIds.map((id, partner) => ({ id, document: world.partnerDocument(partner) })),
    products: async (id) => {
      const documents = world.productDocuments(world.partnerIds.indexOf(id));
      names.set(id, new Map(documents.map(({ sku, name = sku }) => [sku, name])));
      return documents.map((document) => `${JSON.stringify(document)}\n`).join('');
    },
    productName: (partner, sku) => names.get(partner)?.get(sku) ?? sku,
    async *batches() {
      let lines: string[] = [], bytes = 0;
      for (let n = 0; n < transactions; n++) {
        const line = `${JSON.stringify(world.spoil(generator.document(n), n))}\n`;
        lines.push(line);
        bytes += line.length;
        if (bytes < BATCH_BYTES && n < transactions - 1) continue;
        yield { bytes: Buffer.from(lines.join('')), count: lines.length };
        [lines, bytes] = [[], 0];
      }
    },
  };
}

export async function coalitionOfFile(options: Options): Promise<Coalition> {
  const { input, products: productsFile, partner } = options as { input: string; products?: string; partner?: string };
  if (partner === undefined) throw new CommandError(exitCodes.usage, '--input needs --partner ID');
  await expectReadable('--input', input);
  if (productsFile !== undefined) await expectReadable('--products', productsFile);
  const products = productsFile === undefined ? Buffer.alloc(0) : await buffer(openFile(productsFile));
  const names = productNames(productsFile ?? '', products.toString('utf8'));
  return {
    program, rules: demoRules([partner]), expected: undefined, query: `?partner=${encodeURIComponent(partner)}`,
    partners: [{ id: partner, document: fileDocument(partner, await currencyOf(input)) }],
    products: async () => products,
    productName: (_partner, sku) => names.get(sku) ?? sku,
    batches: () => openSource(input, { batchBytes: FILE_BATCH_BYTES, fromByte: 0, fromRow: 0, advice }),
  };
}

const fileDocument = (partner: string, currency: string): PartnerDocument => ({ name: partner, program: 'default', timeZone: 'UTC', currency });

/** Tells partners and rules that a demo made from those of others, by their content; without the demo's program nothing is of a demo. */
export function isOfDemo(programs: ReferenceSet['programs']): { partner(partner: { id: string; document: PartnerDocument }): boolean; rule(rule: RuleDocument): boolean } {
  const world = new DemoWorld(SEED), rules = demoRules(world.partnerIds).map(forAnyPartner);
  const isOfDemos = programs.some(({ id, document }) => id === 'default' && isDeepStrictEqual(document, program));
  const generated = (id: string): PartnerDocument | undefined => (world.partnerIds.includes(id) ? world.partnerDocument(world.partnerIds.indexOf(id)) : undefined);
  return {
    partner: ({ id, document }) => isOfDemos && [generated(id), fileDocument(id, document.currency)].some((made) => isDeepStrictEqual(document, made)),
    rule: (rule) => isOfDemos && rules.some((made) => isDeepStrictEqual(forAnyPartner(rule), made)),
  };
}
/** Which partners a demo names in its rules goes by who takes part. */
function forAnyPartner({ scope: { partners: _some, ...scope } = {}, ...rule }: RuleDocument): RuleDocument {
  return { ...rule, scope };
}

function productNames(file: string, text: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      const { sku, name = sku } = JSON.parse(line) as { sku: string; name?: string };
      names.set(sku, name);
    } catch (error) {
      throw new CommandError(exitCodes.usage, `${file}, line ${index + 1}: ${(error as Error).message}; products are NDJSON, {"sku":"…","name":"…"} a line`);
    }
  }
  return names;
}

/** Of the first purchase in the file. */
async function currencyOf(file: string): Promise<string> {
  for await (const { bytes } of openSource(file, { batchBytes: HEAD_BYTES, fromByte: 0, fromRow: 0, advice })) {
    const [, currency] = /"currency"\s*:\s*"([A-Z]{3})"/.exec(Buffer.from(bytes).toString('utf8')) ?? [];
    return currency ?? 'EUR';
  }
  throw new CommandError(exitCodes.usage, `${file} is empty`);
}
