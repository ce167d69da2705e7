/** `import products` and `import accounts`: what is wrong is said by its line in the file, as an editor counts, and with what to do. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ADMIN_KEY, call, startFakeGateway } from '../../test/gateway/fake-engine.js';
import { pointstream } from '../../test/support/command-line.js';

t.setTimeout(240_000);

t.test('rows that are wrong', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'import-')), fake = await startFakeGateway();
  t.teardown(async () => {
    await fake.gateway.close();
    await rm(directory, { recursive: true });
  });
  const client = ['--url', fake.gateway.url, '--key', ADMIN_KEY];
  await call(fake, 'PUT', '/v1/partners/p', { body: { name: 'P', timeZone: 'UTC', currency: 'EUR' } });

  await t.test('products: also where blank lines come before', async (t) => {
    await writeFile(join(directory, 'products.ndjson'), '{"skus":"a"}\n\n \n{"sku":"b","name":5}\n{"sku":"c"}\n[]\n');
    const { code, stderr, stdout } = await pointstream(directory, 'import', 'products', 'products.ndjson', '--partner', 'p', ...client);
    t.match({ code, stdout }, { code: 4, stdout: '' });
    t.match(stderr, /^nothing was imported, products\.ndjson has mistakes:\n/);
    t.match(stderr, /^ {2}row 1 unknown-field \/skus: .*\[did you mean "sku"\?\]$/m);
    t.match(stderr, /^ {2}row 4 invalid \/name: .+\[.+\]$/m);
    t.match(stderr, /^ {2}row 6 invalid: .+\[.+\]$/m);
    t.notMatch(stderr, /row [0235]/);
  });

  await t.test('accounts: also in a later piece of the file', async (t) => {
    // Pieces end with a chunk of the file: so much makes two.
    const filler = Array.from({ length: 130 }, (_, i) => `${JSON.stringify({ card: `c${i}` })}${' '.repeat(2 ** 15)}\n`).join('');
    await writeFile(join(directory, 'accounts.ndjson'), `{"card":"1"}\n\n{"card":"2","card_s":[]}\n{"card"\n${filler}\n{"card":"3","cards":["4"]}\n`);
    const { code, stderr, stdout } = await pointstream(directory, 'import', 'accounts', 'accounts.ndjson', ...client);
    t.match({ code, stdout }, { code: 4, stdout: /accepted +131\n.*\nrejected +3\n/ }, stderr);
    t.match(stderr, /^row 3 \(2\) unknown-field \/card_s: .*\[did you mean "cards"\?\]$/m);
    t.match(stderr, /^row 4 malformed: .+\[.+\]$/m);
    t.match(stderr, /^row 136 \(4\) invalid \/card: .*\[Send one of them\.\]$/m);
  });
});
