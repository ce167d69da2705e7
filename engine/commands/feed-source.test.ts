import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openSource } from './feed-source.js';

t.test('CSV rows that can be no transactions end batches, too: what is in memory is bounded, and a feed that is interrupted goes on behind them', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'feed-source-')), file = join(directory, 'sales.csv'), rowCount = 1000;
  t.teardown(() => rm(directory, { recursive: true }));
  const rows = Array.from({ length: rowCount }, (_, i) => `${i},5,2025-01-01T00:00:00Z,EUR,${i % 2 === 0 ? '1,000' : 'many'}`);
  await writeFile(file, ['id,card,occurredAt,currency,total', ...rows].join('\n'));
  const advice = { format: '', columns: '' }, found: number[] = [], places: number[] = [];
  let most = 0;
  for await (const { count, rejected, end } of openSource(file, { batchBytes: 4096, fromByte: 0, fromRow: 0, advice })) {
    t.equal(count, 0);
    most = Math.max(most, JSON.stringify(rejected).length);
    found.push(...rejected.map(({ row }) => row));
    places.push(end.row);
  }
  t.same(found, rows.map((_, i) => i + 2), 'each once, in order');
  t.ok(most <= 2 * 4096, `${most} bytes at most in one batch`);
  t.ok(places.length > 10 && places.every((row, i) => i === 0 || row > places[i - 1]!), `${places.length} batches`);
});

t.test('a CSV row that goes over several lines is named by its first', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'feed-source-')), file = join(directory, 'sales.csv'), advice = { format: '', columns: '' };
  t.teardown(() => rm(directory, { recursive: true }));
  const row = (id: string): string => `${id},5,2025-01-01T00:00:00Z,EUR,many`;
  for (const lineBreak of ['\n', '\r\n']) {
    const found: number[] = [];
    await writeFile(file, ['id,card,occurredAt,currency,total', row(`"1${lineBreak}x"`), row('2'), '', row(`"3${lineBreak}${lineBreak}x"`), row('4'), ''].join(lineBreak));
    for await (const { rejected } of openSource(file, { batchBytes: 4096, fromByte: 0, fromRow: 0, advice })) found.push(...rejected.map(({ row }) => row));
    t.same(found, [2, 4, 6, 9], JSON.stringify(lineBreak));
  }
});
