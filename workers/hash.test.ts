import t from 'tap';
import { hash128, murmur2, partitionOf } from './hash.js';

t.test("murmur2 gives the values of Kafka's own test (UtilsTest.testMurmur2)", async (t) => {
  const vectors: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ];
  for (const [text, expected] of vectors) {
    const bytes = Buffer.from(text);
    t.equal(murmur2(bytes, 0, bytes.length), expected, text);
    t.equal(murmur2(Buffer.from(`xyz${text}!`), 3, bytes.length), expected, `${text} inside other bytes`);
  }
  t.equal(partitionOf(Buffer.from('foobar'), 0, 6, 8), (-790332482 & 0x7fffffff) % 8);
  const seen = new Set<number>();
  for (let card = 0; card < 1000; card++) {
    const bytes = Buffer.from(String(card));
    seen.add(partitionOf(bytes, 0, bytes.length, 7));
  }
  t.same([...seen].sort(), [0, 1, 2, 3, 4, 5, 6], 'a number of partitions that is no power of two: all are used, none else');
});

t.test("hash128 passes SMHasher's verification of MurmurHash3_x86_128", async (t) => {
  // The keys are {}, {0}, {0,1} … of 0 to 255 bytes with seed 256 - length; their hashes, hashed again with seed 0, begin with a published number.
  const key = new Uint8Array(256).map((_, i) => i), out = new Uint32Array(4), hashes = Buffer.alloc(256 * 16);
  for (let length = 0; length < 256; length++) {
    hash128(key, 0, length, out, 256 - length);
    out.forEach((word, i) => hashes.writeUInt32LE(word, length * 16 + i * 4));
  }
  hash128(hashes, 0, hashes.length, out, 0);
  t.equal(out[0], 0xb3ece62a);
});

t.test('hash128 depends on the range only', async (t) => {
  const out = new Uint32Array(4), other = new Uint32Array(4);
  const text = Buffer.from('12345678901234567');
  for (let length = 0; length <= text.length; length++) {
    hash128(text, 0, length, out, 7);
    hash128(Buffer.concat([Buffer.from('ab'), text]), 2, length, other, 7);
    t.same(out, other, `${length} bytes`);
  }
});
