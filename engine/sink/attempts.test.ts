/** What becomes of a range when ClickHouse acknowledges a repeat and has no rows of it. */
import type { ClickHouseClient } from '@clickhouse/client';
import t from 'tap';
import { insertUntilThere, type Attempts } from './attempts.js';
import type { Intent } from './delivery.js';
import type { Range } from './feed.js';

const ROWS = 10, range = { from: 3, to: 5, rows: ROWS, firstBatch: 3, lastBatch: 4 } as Range, first: Intent = { from: 3, to: 5, token: 'first', done: false };

/** A table that takes rows under a token that it doesn't know; `tells`: what became of it all, in order. */
function table(engine: string, known: string[], failures = 0): { attempts: Attempts; tells: string[]; rows(): number } {
  const tells: string[] = [];
  let rows = 0, failuresLeft = failures;
  const client = { query: async () => ({ json: async () => [{ rows: String(rows), engine }] }) } as unknown as ClickHouseClient;
  const attempts: Attempts = {
    client, partition: 2, signal: new AbortController().signal, pause: async () => undefined,
    insert: async (_, token) => {
      tells.push(`insert ${token === 'first' ? token : 'another'}`);
      if (failuresLeft-- > 0) throw new Error('away');
      if (!known.includes(token)) rows += ROWS;
    },
    note: async ({ from, to, token, done }) => void tells.push(`note ${from} to ${to} ${token === 'first' ? token : 'another'} ${done ? 'done' : 'not done'}`),
    failed: (error) => void tells.push((error as Error).message),
  };
  return { attempts, tells, rows: () => rows };
}

t.test('MergeTree: a token that is used up is replaced, and the log hears of it first', async (t) => {
  const { attempts, tells, rows } = table('MergeTree', ['first'], 1);
  const intent = await insertUntilThere(attempts, range, first, false);
  t.same(tells, ['insert first', 'away', ...Array.from({ length: 7 }, () => 'insert first'), 'note 3 to 5 another not done', 'insert another']);
  t.match(intent, { from: 3, to: 5, token: /^2\.3\.5\./, done: false });
  t.equal(rows(), ROWS, 'once');
});

t.test('replicated tables are believed: this replica may not have yet what another one took', async (t) => {
  const { attempts, tells, rows } = table('ReplicatedMergeTree', ['first']);
  t.same(await insertUntilThere(attempts, range, first, true), first);
  t.same(tells, ['insert first'], 'nothing under another token, which would be there twice in the end');
  t.equal(rows(), 0);
});

t.test('a first attempt that is acknowledged is there, and is not counted', async (t) => {
  const { attempts, tells } = table('MergeTree', []);
  t.same(await insertUntilThere({ ...attempts, client: {} as ClickHouseClient }, range, first, false), first);
  t.same(tells, ['insert first']);
});

t.test('when the other token can not be noted nothing is inserted under it', async (t) => {
  const { attempts, tells, rows } = table('MergeTree', ['first']);
  await t.rejects(insertUntilThere({ ...attempts, note: () => Promise.reject(new Error('the log is away')) }, range, first, true), /the log is away/);
  t.notOk(tells.includes('insert another'));
  t.equal(rows(), 0);
});
