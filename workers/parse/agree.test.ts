/**
 * Fast readers, slow readers, MessagePack, JSON and envelopes say the same about random transactions, valid and broken; and no bytes make any of them
 * throw.
 */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import t from 'tap';
import { contentHash, EnvelopeReader, EnvelopeWriter, transactionHash } from '../envelope.js';
import { Transaction } from '../transaction.js';
import { damage, damaged, oddDocuments, snapshot, transactionDocuments, writeJson } from './arbitrary.js';
import { readTree } from './json-tree.js';
import { readJson, readJsonFast, readJsonSlow } from './read-json.js';
import { readMessagePack, readMessagePackSlow } from './read-msgpack.js';
import { NumberText } from '../../schemas/decoded.js';

const seed = 20_251_122;
t.comment(`seed ${seed}`);
const packr = new Packr({ useRecords: false });
const fast = new Transaction(), slow = new Transaction();
const SPACE_BEFORE = 7;

/** The bytes somewhere inside a larger buffer, with bytes around that would do harm if they were read. */
function within(text: string | Uint8Array): { bytes: Uint8Array; start: number; end: number } {
  const content = typeof text === 'string' ? new TextEncoder().encode(text) : text, bytes = new Uint8Array(content.length + SPACE_BEFORE + 5).fill(0x22);
  bytes.set(content, SPACE_BEFORE);
  return { bytes, start: SPACE_BEFORE, end: SPACE_BEFORE + content.length };
}

/** The fast reader's answer, when it has one, is the slow reader's. Returns whether it had one. */
function agree(read: typeof readJson, readSlow: typeof readJsonSlow, content: string | Uint8Array): boolean {
  const { bytes, start, end } = within(content), before = bytes.slice();
  const next = read(bytes, start, end, fast), taken = snapshot(fast);
  deepStrictEqual(bytes, before, 'a reader changed the record');
  const answer = readSlow(bytes, start, end, slow, addPartner);
  if (next >= 0) {
    deepStrictEqual(answer.problems, []);
    strictEqual(next, answer.next);
    deepStrictEqual(taken, { ...snapshot(slow), partner: fast.text[3] === 0 ? '' : (snapshot(slow) as { partner: string }).partner });
  }
  return next >= 0;
}
/** A missing partner is left to the caller by the fast readers. */
function addPartner(value: unknown): void {
  const fields = value as Record<string, unknown> | null;
  if (typeof fields === 'object' && fields !== null && !Array.isArray(fields) && !Object.hasOwn(fields, 'partner')) fields.partner = 'left out';
}

const chooser = (numbers: number[]): ((below: number) => number) => {
  let i = 0;
  return below => numbers[i++ % numbers.length]! % below;
};
const choices = fc.noBias(fc.array(fc.nat(1 << 20), { minLength: 50, maxLength: 200 }));

t.test('valid JSON is taken by the fast reader, and read as the slow one reads it', async () => {
  fc.assert(fc.property(transactionDocuments, document => {
    const json = JSON.stringify(document);
    agree(readJsonFast, readJsonSlow, json);
    strictEqual(agree(readJson, readJsonSlow, json), true);
  }), { seed, numRuns: 700 });
});

t.test('valid MessagePack is taken by the fast reader and says what the JSON says', async () => {
  fc.assert(fc.property(transactionDocuments, document => {
    strictEqual(agree(readMessagePack, readMessagePackSlow, new Uint8Array(packr.pack(document))), true);
    const { bytes, start, end } = within(JSON.stringify(document));
    readJson(bytes, start, end, slow);
    deepStrictEqual(snapshot(fast), snapshot(slow));
  }), { seed, numRuns: 700 });
});

t.test('odd JSON, written in odd ways', async t => {
  let taken = 0, valid = 0;
  fc.assert(fc.property(fc.oneof(oddDocuments, transactionDocuments), choices, (document, numbers) => {
    const json = writeJson(document, chooser(numbers));
    if (agree(readJson, readJsonSlow, json)) taken++;
    const { bytes, start, end } = within(json);
    if (readJsonSlow(bytes, start, end, slow).problems.length === 0) valid++;
  }), { seed, numRuns: 1500 });
  t.comment(`${taken} of ${valid} valid ones taken by the fast reader`);
  t.ok(valid > 500 && taken > valid * 0.9);
});

t.test('odd MessagePack', async () => {
  fc.assert(fc.property(oddDocuments, document => void agree(readMessagePack, readMessagePackSlow, new Uint8Array(packr.pack(document)))), { seed, numRuns: 1200 });
});

t.test('damaged bytes: both readers agree, and nothing throws', async () => {
  fc.assert(fc.property(transactionDocuments, damage, (document, changes) => {
    agree(readJson, readJsonSlow, damaged(new TextEncoder().encode(JSON.stringify(document)), changes));
    agree(readMessagePack, readMessagePackSlow, damaged(new Uint8Array(packr.pack(document)), changes));
  }), { seed, numRuns: 1500 });
});

t.test('the tree reader takes what JSON.parse takes', async () => {
  const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, part: unknown) => (part instanceof NumberText ? Number(part.source) : part)));
  fc.assert(fc.property(fc.json({ maxDepth: 5 }), damage, fc.boolean(), (json, changes, isDamaged) => {
    const bytes = isDamaged ? damaged(new TextEncoder().encode(json), changes) : new TextEncoder().encode(json);
    const tree = readTree(bytes, 0, bytes.length);
    let expected: unknown, parses = true;
    try {
      expected = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    } catch {
      parses = false;
    }
    const whole = tree.ok && /^[ \t\r\n]*$/.test(Buffer.from(bytes.subarray(tree.next)).toString('latin1'));
    strictEqual(whole, parses);
    if (tree.ok && parses) deepStrictEqual(plain(tree.value), plain(expected));
  }), { seed, numRuns: 1500 });
});

t.test('what is written to an envelope comes back, with the same hashes as from JSON and MessagePack', async () => {
  const writer = new EnvelopeWriter(), reader = new EnvelopeReader(), hash = (of: Transaction): number[] => {
    const content = new Uint32Array(2), identity = new Uint32Array(4);
    contentHash(of, content);
    transactionHash(of, identity);
    return [...content, ...identity];
  };
  fc.assert(fc.property(fc.array(transactionDocuments, { minLength: 1, maxLength: 5 }), fc.nat(), fc.boolean(), (documents, request, detailed) => {
    writer.begin('gateway-ä', request, detailed);
    const expected = documents.map((document, index) => {
      const { bytes, start, end } = within(JSON.stringify(document)), packed = new Uint8Array(packr.pack(document));
      strictEqual(readJson(bytes, start, end, fast), end);
      fast.index = index * 1000;
      writer.add(fast);
      readMessagePack(packed, 0, packed.length, slow);
      deepStrictEqual(hash(slow), hash(fast));
      return { index: index * 1000, hash: hash(fast), content: snapshot(fast) };
    });
    const envelope = within(writer.finish());
    strictEqual(reader.open(envelope.bytes, envelope.start, envelope.end), 'transactions');
    deepStrictEqual(reader.header, { gateway: 'gateway-ä', request, detailed, count: documents.length });
    for (const one of expected) {
      strictEqual(reader.next(slow), true);
      strictEqual(reader.problem, undefined);
      deepStrictEqual({ index: slow.index, hash: hash(slow), content: snapshot(slow) }, one);
    }
    strictEqual(reader.next(slow), false);
  }), { seed, numRuns: 500 });
});

t.test('damaged records of any form end and never throw', async () => {
  const writer = new EnvelopeWriter(), reader = new EnvelopeReader();
  fc.assert(fc.property(fc.array(transactionDocuments, { minLength: 1, maxLength: 3 }), fc.nat(2), damage, (documents, form, changes) => {
    writer.begin('g', 1, false);
    for (const document of documents) {
      const packed = new Uint8Array(packr.pack(document));
      readMessagePack(packed, 0, packed.length, fast);
      writer.add(fast);
    }
    const record = form === 0 ? writer.finish() : form === 1 ? new Uint8Array(packr.pack(documents)) : new TextEncoder().encode(JSON.stringify(documents));
    const { bytes, start, end } = within(damaged(record, changes));
    reader.open(bytes, start, end);
    let items = 0;
    while (reader.next(slow)) if (++items > 1000) throw new Error('does not end');
  }), { seed, numRuns: 1200 });
});
