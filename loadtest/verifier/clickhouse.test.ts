import t from 'tap';
import { ClickHouseCheck, compareViews } from './clickhouse.js';
import { Findings } from './report.js';

/** The views say `entries` postings, of so many rows of facts. */
const clickHouse = (entries: number, factRows: number) => async (query: string): Promise<Record<string, string>[]> => {
  if (query.includes('FROM facts')) return [{ rows: String(factRows) }];
  return [{ s0: query.includes('FROM entries') ? String(entries) : '0', s1: '0', s2: '0', s3: '0' }];
};

t.test('views are compared only as long as no facts have come that were not', async (t) => {
  const sums = ClickHouseCheck.noSums(), expected = { sums, factRows: 7, partitions: 2 };
  sums.entries[0] = 9n;
  const compare = async (entries: number, factRows: number): Promise<[compared: boolean, differences: number]> => {
    const findings = new Findings(), compared = await compareViews(clickHouse(entries, factRows), expected, findings);
    return [compared, findings.count];
  };
  t.same(await compare(9, 7), [true, 0]);
  t.same(await compare(10, 7), [true, 1], 'a view that says something else');
  t.same(await compare(10, 8), [false, 0], 'a tick came meanwhile');
});
