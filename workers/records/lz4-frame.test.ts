import fc from 'fast-check';
import { compressFrameSync } from 'lz4-napi';
import t from 'tap';
import { decompressLz4Frame } from './lz4-frame.js';
import { Room } from './room.js';

const seed = 20_261_127;

/** Few different bytes, repeated pieces, and noise: short and long literals, matches that overlap themselves and that lie far back. */
const texts = fc.array(fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 400 })).map(([piece, times]) => Uint8Array.from({ length: piece.length * times }, (_, i) => piece[i % piece.length]!)),
), { maxLength: 12 }).chain((pieces) => fc.shuffledSubarray([...pieces, ...pieces], { minLength: 0 }).map((some) => Buffer.concat(some)));

t.test('gives back what was compressed', async (t) => {
  t.comment(`seed ${seed}`);
  fc.assert(fc.property(texts, (text) => Buffer.compare(decompressLz4Frame(compressFrameSync(text)), text) === 0), { seed, numRuns: 500 });
  const large = Buffer.alloc(9 * 2 ** 20, 'a purchase of milk and bread, 4711; ');
  for (let at = 0; at < large.length; at += 997) large[at] = at & 255;
  t.equal(Buffer.compare(decompressLz4Frame(compressFrameSync(large)), large), 0, 'several blocks');
});

t.test('what was decompressed before stays, also when the room becomes too small', async (t) => {
  t.comment(`seed ${seed}`);
  const room = new Room(), kept: [text: Buffer, found: Uint8Array][] = [];
  fc.assert(fc.property(texts, (text) => void kept.push([text, decompressLz4Frame(compressFrameSync(text), room)])), { seed, numRuns: 200 });
  const first = room.bytes;
  for (let i = 0; room.bytes === first; i++) kept.push([Buffer.alloc(300_000, `purchase ${i} `), decompressLz4Frame(compressFrameSync(Buffer.alloc(300_000, `purchase ${i} `)), room)]);
  t.same(kept.filter(([text, found]) => Buffer.compare(text, found) !== 0).length, 0, `${kept.length} of them`);
});

t.test('damaged bytes throw or give something, and never hang or read beyond their end', async (t) => {
  t.comment(`seed ${seed}`);
  let thrown = 0;
  fc.assert(fc.property(texts, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(), (text, place, change, cut) => {
    const frame = Buffer.from(compressFrameSync(text));
    frame[place % frame.length]! ^= change;
    try {
      decompressLz4Frame(frame.subarray(0, frame.length - cut % 3));
    } catch (error) {
      thrown++;
      return error instanceof Error && / LZ4 /.test(error.message);
    }
    return true;
  }), { seed, numRuns: 2000 });
  t.ok(thrown > 300, `${thrown} of 2000 were found damaged`);
  t.throws(() => decompressLz4Frame(Buffer.from('no lz4')), /no LZ4 frame/);
});
