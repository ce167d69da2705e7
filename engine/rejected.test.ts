import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openEmbeddedLog } from './log/embedded.js';
import { deadLetter, queryRejectedOf } from './rejected.js';

const COUNT = 300, INPUT_BYTES = 2 ** 14;

t.test('a look at many rejects', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-rejected-')), log = await openEmbeddedLog({ directory, partitions: 1 });
  t.teardown(async () => {
    await log.close();
    rmSync(directory, { recursive: true });
  });
  const ids = Array.from({ length: COUNT }, (_, index) => `r-${index}`), source = { topic: 'http', partition: -1, offset: -1, index: 0 };
  await log.append(ids.map((id) => ({
    topic: 'dead-letters', partition: 0, ...deadLetter({ partner: 'p', id, kind: 'purchase', reason: 'invalid', rejectedAtMs: 0, source, input: 'x'.repeat(INPUT_BYTES) }),
  })));
  const query = queryRejectedOf(log);

  let turns = 0, searching = true;
  const count = (): void => void setImmediate(() => { if (searching) [turns] = [turns + 1, count()]; });
  count();
  t.same(await query({ partner: 'q' }, { limit: 10 }), { data: [], has_more: false });
  searching = false;
  t.ok(turns >= 4, `others had ${turns} turns while 4 MiB were looked through`);

  const found: string[] = [];
  for (let after: string | undefined, more = true; more;) {
    const { data, has_more: hasMore } = await query({}, { limit: 1000, ...(after !== undefined && { startingAfter: after }) });
    t.ok(data.length > 0 && data.length < 100, `${data.length} on a page: as many as fit into it`);
    found.push(...data.map(({ transaction_id: id }) => String(id)));
    [after, more] = [data.at(-1)?.id, hasMore];
  }
  t.same(found, ids, 'and pages have all of them');
});
