import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ADMIN_KEY, startFakeGateway } from '../../test/gateway/fake-engine.js';
import { Client } from './client.js';
import { coalitionOfFile } from './demo-coalition.js';
import { sendPurchases } from './demo-feed.js';

t.test('rows of a file that can be no transactions are counted, also where nothing else is left', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'demo-feed-')), fake = await startFakeGateway();
  t.teardown(async () => {
    await fake.gateway.close();
    await rm(directory, { recursive: true });
  });
  const client = await Client.open({ url: fake.gateway.url, key: ADMIN_KEY }), input = join(directory, 'sales.csv');
  const send = async (...rows: string[]): Promise<unknown> => {
    await writeFile(input, ['id,card,occurredAt,currency,total', ...rows].join('\n'));
    return sendPurchases(client, await coalitionOfFile({ input, partner: 'p' }), () => undefined);
  };
  const good = '1,5,2025-01-01T00:00:00Z,EUR,700', wide = '2,5,2025-01-01T00:00:00Z,EUR,1,000', wrong = '3,5,2025-01-01T00:00:00Z,EUR,many';
  t.same(await send(good, wide, wrong), { accepted: 1, duplicates: 0, rejected: 2, waiting: 0, reasons: { malformed: 1, invalid: 1 } });
  t.same(await send(wide), { accepted: 0, duplicates: 0, rejected: 1, waiting: 0, reasons: { malformed: 1 } });
});
