import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { Body } from './body.js';
import { Spool } from './spool.js';

const directory = mkdtempSync(join(tmpdir(), 'pointstream-spool-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const spool = new Spool({ fast: directory, large: directory, fastBytesMax: 3_000_000, bytesMax: 9_000_000 });

function body(chunks: Buffer[]): Body {
  return new Body(Object.assign(Readable.from(chunks), { headers: {} }) as unknown as IncomingMessage, false);
}

t.test('a file has what came, whatever its size', async (t) => {
  for (const sizes of [[], [0], [1], [1_000_000, 5], [2_000_000, 999_999, 1, 1], [100, 2_999_900], [3_000_001], [2_500_000, 2_500_000, 3_000_000]]) {
    const chunks = sizes.map((size, index) => Buffer.alloc(size, 65 + index)), first = Buffer.from('first');
    const file = await spool.write(first, body(chunks));
    t.ok(readFileSync(file.path).equals(Buffer.concat([first, ...chunks])), String(sizes));
    t.equal(file.bytes, 5 + sizes.reduce((sum, size) => sum + size, 0));
    await file.close();
  }
});

t.test('too much, or a body that breaks off, is an error; nothing is left', async (t) => {
  await t.rejects(spool.write(Buffer.alloc(0), body([Buffer.alloc(9_000_001)])), /TOO_MANY_BYTES/);
  const breaking = Readable.from((async function* () {
    yield Buffer.alloc(2_000_000);
    await Promise.resolve();
    throw new Error('broke off');
  })());
  await t.rejects(spool.write(Buffer.alloc(0), new Body(Object.assign(breaking, { headers: {} }) as unknown as IncomingMessage, false)), /broke off/);
  t.same(readdirSync(directory), []);
});

// Where the file system can make files without a name, as memory's can.
if (existsSync('/dev/shm')) {
  t.test('kill -9 at any moment leaves nothing: a file never has a name', async (t) => {
    const memory = mkdtempSync('/dev/shm/pointstream-spool-');
    t.teardown(() => rmSync(memory, { recursive: true, force: true }));
    const nameless = new Spool({ fast: memory, large: memory, fastBytesMax: 10, bytesMax: 100 });
    utimesSync(memory, 1, 1);
    const file = await nameless.write(Buffer.from('first'), body([Buffer.from('second')]));
    t.equal(statSync(memory).mtimeMs, 1000, 'a name that comes or goes changes the directory');
    t.equal(readFileSync(file.path, 'utf8'), 'firstsecond');
    await file.close();
  });
}
