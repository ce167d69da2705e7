/** What becomes of a range when ClickHouse acknowledges a repeat and has no rows of it. */
import type { ClickHouseClient } from '@clickhouse/client';
import t from 'tap';
import { insertUntilThere, type Attempts, type Sending } from './attempts.js';
import type { Range } from './feed.js';

const ROWS = 10;
const ours = [{ partition: 2, from: 3, to: 5, rows: 6, firstBatch: 3, lastBatch: 4 }, { partition: 4, from: 0, to: 1, rows: 4, firstBatch: 0, lastBatch: 0 }] as Range[];
/** With what another engine has by now. */
const all = async (): Promise<Range[]> => [...ours, { partition: 5, from: 0, to: 9, rows: 7, firstBatch: 0, lastBatch: 8 } as Range];
const fresh: Sending = { ours, token: 'first' }, attempted: Sending = { ...fresh, all };

/** A table that takes rows under a token that it doesn't know; `tells`: what became of it all, in order. */
function table(engine: string, known: string[], failures = 0): { attempts: Attempts; tells: string[]; rows(): number } {
  const tells: string[] = [];
  let rows = 0, failuresLeft = failures;
  const client = { query: async () => ({ json: async () => [{ rows: String(rows), engine }] }) } as unknown as ClickHouseClient;
  const attempts: Attempts = {
    client, signal: new AbortController().signal, pause: async () => undefined,
    insert: async (ranges, token) => {
      tells.push(`insert ${ranges.map(({ partition }) => partition).join(' ')} as ${token === 'first' ? token : 'another'}`);
      if (failuresLeft-- > 0) throw new Error('away');
      if (!known.includes(token)) rows += ROWS;
    },
    note: async (token) => void tells.push(`note ${token === 'first' ? token : 'another'}`),
    failed: (error) => void tells.push((error as Error).message),
  };
  return { attempts, tells, rows: () => rows };
}

t.test('MergeTree: a token that is used up is replaced, for what is ours, and the log hears of it first', async (t) => {
  for (const [sending, pieces] of [[fresh, '2 4'], [attempted, '2 4 5']] as const) {
    const { attempts, tells, rows } = table('MergeTree', ['first'], 1);
    await insertUntilThere(attempts, sending);
    t.same(tells, [`insert ${pieces} as first`, 'away', ...Array.from({ length: 7 }, () => `insert ${pieces} as first`), 'note another', 'insert 2 4 as another']);
    t.equal(rows(), ROWS, 'once');
  }
});

t.test('replicated tables are believed: this replica may not have yet what another one took', async (t) => {
  const { attempts, tells, rows } = table('ReplicatedMergeTree', ['first']);
  await insertUntilThere(attempts, attempted);
  t.same(tells, ['insert 2 4 5 as first'], 'nothing under another token, which would be there twice in the end');
  t.equal(rows(), 0);
});

t.test('a first attempt that is acknowledged is there, and is not counted', async (t) => {
  const { attempts, tells } = table('MergeTree', []);
  await insertUntilThere({ ...attempts, client: {} as ClickHouseClient }, fresh);
  t.same(tells, ['insert 2 4 as first']);
});

t.test('what others have of it is not looked at when ours is there', async (t) => {
  const { attempts, tells } = table('MergeTree', []);
  await insertUntilThere(attempts, fresh);
  await insertUntilThere(attempts, { ...fresh, all: () => Promise.reject(new Error('they have been forgotten')) });
  t.same(tells, ['insert 2 4 as first']);
});

t.test('a part of ours is refused, and said', async (t) => {
  const { attempts } = table('MergeTree', []), half = { ...attempts, client: { query: async () => ({ json: async () => [{ rows: '5', engine: 'MergeTree' }] }) } as unknown as ClickHouseClient };
  const refused = insertUntilThere({ ...half, failed: (error) => { throw error; } }, attempted);
  await t.rejects(refused, { message: 'ClickHouse has 5 of the 10 rows of partition 2, batches 3 to 4; partition 4, batches 0 to 0' });
});

t.test('when the other token can not be noted nothing is inserted under it', async (t) => {
  const { attempts, tells, rows } = table('MergeTree', ['first']);
  await t.rejects(insertUntilThere({ ...attempts, note: () => Promise.reject(new Error('the log is away')) }, attempted), /the log is away/);
  t.notOk(tells.some((told) => told.endsWith('another')));
  t.equal(rows(), 0);
});
