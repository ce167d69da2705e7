/** Checksums as ClickHouse's own library gives them, and blocks however they are cut. */
import { Readable } from 'node:stream';
import fc from 'fast-check';
import t from 'tap';
import { cityHash128 } from './city-hash.js';
import { BlockCompressor, BlockDecompressor, compressedBlock } from './compressed-blocks.js';

const seed = 20_261_126;
t.comment(`seed ${seed}`);

/** Of byte i = (7 i + 3) mod 256, by clickhouse-cityhash 1.0.2 (the C++ sources as a Python module): low half, then high half. */
const vectors: [length: number, hash: bigint][] = [
  [0, 82332263323914296566372529678324145705n], [1, 76054585355790561104429063155764516639n], [3, 65178789257313659002942689948013191469n],
  [7, 211311217834590196607294956059266051727n], [8, 242820289836953918046209369141506312332n], [15, 120308638587299454282599202101392126583n],
  [16, 45067122078631122568559162701458259834n], [17, 17060489573872541356162894817851259902n], [23, 122627701668166935287435358957611376499n],
  [31, 146627546608775459034818458879192798688n], [32, 137988767767249328989389260078402331118n], [40, 15307582228514374182746836001691345975n],
  [64, 281894127913312254464147540807079440916n], [100, 309612228539277340728817482160738667602n], [127, 41352308826751886524959802252813524714n],
  [128, 23677098115432148222833526345174081524n], [129, 60094434846749081913604041585206479444n], [144, 284751208025115274769458752974178289606n],
  [200, 143537913732558591011965100432132490324n], [255, 44502381481050531624574210980411552511n], [256, 178663970310240823433335170243432725934n],
  [257, 101099310246169296860279330853168244470n], [300, 284706172254741250495659253464148809711n], [1000, 202433772193770494389268759503996225312n],
  [5000, 238159778284439765750002498660237743690n],
];

t.test('CityHash128 1.0.2', async (t) => {
  for (const [length, hash] of vectors) {
    const [low, high] = cityHash128(Buffer.from(Array.from({ length }, (_, i) => (i * 7 + 3) % 256)));
    t.equal((low << 64n) | high, hash, `${length} bytes`);
  }
});

async function through(stream: BlockCompressor | BlockDecompressor, chunks: Buffer[]): Promise<Buffer> {
  return Buffer.concat(await Readable.from(chunks).pipe(stream).toArray() as Buffer[]);
}
function cut(bytes: Buffer, sizes: number[]): Buffer[] {
  const chunks = [];
  for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]!) chunks.push(bytes.subarray(at, at + sizes[i % sizes.length]!));
  return chunks;
}

t.test('what is compressed comes back, however both are cut', async (t) => {
  const sizes = fc.array(fc.integer({ min: 1, max: 400_000 }), { minLength: 1, maxLength: 4 });
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(12_000), sizes, sizes, async (pattern, times, before, after) => {
    const content = Buffer.concat(Array.from({ length: times }, () => pattern)), blocks = await through(new BlockCompressor(), cut(content, before));
    const back = await through(new BlockDecompressor(true), cut(blocks, after));
    if (!back.equals(content)) throw new Error('other bytes came back');
  }), { seed, numRuns: 25 });
  t.pass('the same');
});

t.test('a bit that changed anywhere is noticed', async (t) => {
  const block = compressedBlock(Buffer.from('hello hello hello hello hello'));
  for (let at = 0; at < block.length; at++) {
    const changed = Buffer.from(block);
    changed[at]! ^= 0x10;
    const error = await new Promise<Error | null>((resolve) => {
      const stream = new BlockDecompressor(true).on('error', resolve).on('end', () => resolve(null)).resume();
      stream.end(changed);
    });
    t.match(error, /^Error: Code: (33|40|106|271)\./, `byte ${at}`);
  }
});
