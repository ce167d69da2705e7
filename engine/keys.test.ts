import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { MemoryStorage } from '../test/gateway/fake-engine.js';
import { ConfigError } from './config.js';
import { adminKey, Keys } from './keys.js';

t.test('the admin key is configured, or made once for its owner alone', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'keys-'));
  t.teardown(() => rm(directory, { recursive: true }));
  t.equal(await adminKey('given', directory), 'given');
  const made = await adminKey('', directory);
  t.match(made, /^[0-9a-f]{48}$/);
  t.equal((await stat(join(directory, 'admin-key'))).mode & 0o777, 0o600);
  t.equal(await adminKey('', directory), made);
  await writeFile(join(directory, 'admin-key'), '\n');
  t.not(await adminKey('', directory), made, 'an empty file holds no key');
  t.equal((await readFile(join(directory, 'admin-key'), 'utf8')).trim(), await adminKey('', directory));
});

t.test('an admin key that no request could carry is refused and not shown', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'keys-'));
  t.teardown(() => rm(directory, { recursive: true }));
  for (const wrong of ['a-key-of-a-file\n', ' a-key', 'two words', 'schlüssel', 'x'.repeat(257)]) {
    await t.rejects(adminKey(wrong, directory), { constructor: ConfigError, message: /^adminKey: must be (?!.*(key-of|two words|schl|xxx))/ }, JSON.stringify(wrong));
  }
  await writeFile(join(directory, 'admin-key'), 'two words\n');
  await t.rejects(adminKey('', directory), { message: /admin-key: must be/ }, 'nor one of the file');
});

t.test('a key belongs to one partner', async (t) => {
  const storage = new MemoryStorage();
  const keys = await Keys.open('the-admin-key', storage);
  await keys.put('p', [{ key: 'a-key-for-tests-0001', scopes: ['post', 'post'] }]);
  t.match(keys.find('a-key-for-tests-0001'), { partner: 'p' });
  t.match(keys.find('the-admin-key'), { partner: undefined });
  t.equal(keys.find(''), undefined);
  t.equal(keys.find('x'.repeat(1000)), undefined);
  t.match(keys.check([{ key: 'a-key-for-tests-0001', scopes: [] }], 'q'), [{ pointer: '/keys/0/key', detail: /cannot be used/ }]);
  t.same(keys.check([{ key: 'a-key-for-tests-0001', scopes: ['read'] }], 'p'), [], 'a partner may put its own again');
  t.match(keys.check([{ key: 'a-key-for-tests-0001', scopes: [] }], 'p'), [{ pointer: '/keys/0/scopes', reason: 'invalid', detail: /at least one/ }]);
  const twice = ['a-key-for-tests-0002', 'a-key-for-tests-0003', 'a-key-for-tests-0002', 'a-key-for-tests-0002'].map((key, i) => ({ key, scopes: [i === 0 ? 'read' : 'post'] }));
  t.match(keys.check(twice, 'p').map(({ pointer, detail }) => `${pointer} ${detail}`), ['/keys/2/key this key is given twice', '/keys/3/key this key is given twice']);
  t.match(keys.check('x', 'p'), [{ pointer: '/keys' }]);
  t.match(keys.check([null, {}], 'p'), [{ pointer: '/keys/0' }, { pointer: '/keys/1/key', reason: 'missing' }, { pointer: '/keys/1/scopes', reason: 'missing' }]);
});

t.test('of versions of the list the last ones are kept, whoever puts them and wherever one ends', async (t) => {
  const storage = new MemoryStorage(), text = async (name: string): Promise<string | undefined> => storage.getValue(name).then((bytes) => bytes && Buffer.from(bytes).toString());
  const put = (keys: Keys, n: number): Promise<void> => keys.put(`p${n}`, [{ key: `a-key-for-tests-${String(n).padStart(4, '0')}`, scopes: ['read'] }]);
  const one = await Keys.open('the-admin-key', storage), late = await Keys.open('the-admin-key', storage);
  for (let n = 1; n <= 5; n++) await put(one, n);
  t.same(await Promise.all([1, 2, 3, 4, 5].map(async (version) => (await text(`keys/${version}`))!.length > 2)), [false, false, true, true, true]);
  // Ends in the midst of it, as a crash does.
  const cutOff = Object.assign(Object.create(storage) as MemoryStorage, { putValue: (name: string, value: Uint8Array) => (name === 'keys' ? storage.putValue(name, value) : Promise.reject(new Error('cut off'))) });
  const crashing = await Keys.open('the-admin-key', cutOff);
  for (let n = 6; n <= 8; n++) await put(crashing, n);
  t.not(await text('keys/3'), '[]', 'nothing was done');
  await put(late, 9);
  for (let version = 1; version <= 6; version++) t.equal(await text(`keys/${version}`), '[]', `version ${version}`);
  await one.refresh();
  for (const keys of [one, late, await Keys.open('the-admin-key', storage)]) {
    for (let n = 1; n <= 9; n++) t.match(keys.find(`a-key-for-tests-${String(n).padStart(4, '0')}`), { partner: `p${n}` });
  }
  t.equal(await storage.addValue('keys/1', Buffer.from('[]')), false, 'no version is free again');
});
