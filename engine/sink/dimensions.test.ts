/** Tables and dictionaries of reference data on the real embedded ClickHouse. */
import type { ClickHouseClient } from '@clickhouse/client';
import t from 'tap';
import { migrate } from '../../schemas/clickhouse/migrations.js';
import type { ReferenceSet } from '../../schemas/reference.js';
import { chdbMissing, startForTest } from '../clickhouse/embedded-fixture.js';
import { atServer, connect, embeddedEndpoint } from '../clickhouse-endpoint.js';
import type { Log } from '../log/log.js';
import { createLogger } from '../logger.js';
import { Dimensions } from './dimensions.js';


t.test('dictionaries follow their tables', { skip: chdbMissing }, async (t) => {
  const { clickHouse, reader } = await startForTest(t, { memoryBytesMax: 700 * 2 ** 20 }), endpoint = embeddedEndpoint(clickHouse), client = connect(endpoint);
  t.teardown(() => client.close());
  await atServer(endpoint, migrate);
  let partner = 'Grocer', product = 'Bread';
  const reference = (): ReferenceSet => {
    const document = { name: partner, program: 'p', timeZone: 'UTC', currency: 'EUR', stores: [{ id: 's1', region: 'north' }] };
    return { partners: [{ id: 'grocer', document, program: 0 }], products: { 0: product } } as unknown as ReferenceSet;
  };
  // The content's hash is the product's name here.
  const log = { getValue: (key: string) => Promise.resolve(Buffer.from(`{"sku":"1","name":"${key.split('/').at(-1)!}"}\n`)) } as unknown as Log;
  const start = (client: ClickHouseClient): Dimensions => {
    const dimensions = new Dimensions({ client, log, logger: createLogger('silent'), place: endpoint, reference });
    t.teardown(() => dimensions.stop());
    return dimensions;
  };
  const follow = async (dimensions: Dimensions): Promise<void> => {
    dimensions.update();
    await dimensions.settled();
  };
  const rows = async (query: string): Promise<unknown> => (await reader.query({ query, format: 'JSONEachRow' })).json();
  const names = (): Promise<unknown> => rows(`SELECT dictGet('pointstream.partners_dictionary', 'name', 'grocer') AS partner, dictGet('pointstream.products_dictionary', 'name', ('grocer', '1')) AS product,
    dictGet('pointstream.stores_dictionary', 'region', ('grocer', 's1')) AS region`);
  const loaded = (): Promise<unknown> => rows("SELECT name FROM system.dictionaries WHERE database = 'pointstream' AND status = 'LOADED' ORDER BY name");

  const dimensions = start(client);
  await follow(dimensions);
  t.same(await loaded(), [], 'what nobody asks for costs nothing');
  t.same(await names(), [{ partner: 'Grocer', product: 'Bread', region: 'north' }]);
  partner = 'Greengrocer';
  await follow(dimensions);
  t.same(await loaded(), [{ name: 'products_dictionary' }, { name: 'stores_dictionary' }], 'the others are left alone');
  t.same(await names(), [{ partner: 'Greengrocer', product: 'Bread', region: 'north' }]);
  product = 'Rye bread';
  await follow(dimensions);
  t.same(await names(), [{ partner: 'Greengrocer', product: 'Rye bread', region: 'north' }]);

  // A server may allow the engine tables and no dictionaries.
  let refused = 0;
  const command: ClickHouseClient['command'] = (options) => (options.query.includes('DICTIONARY') && ++refused > 0 ? Promise.reject(new Error('ACCESS_DENIED')) : client.command(options));
  const restricted = new Proxy(client, { get: (target, name) => (name === 'command' ? command : (Reflect.get(target, name) as () => unknown).bind(target)) });
  partner = 'Grocery';
  await follow(start(restricted));
  t.equal(refused, 1, 'it is tried once');
  t.same(await rows("SELECT name FROM pointstream.partners WHERE id = 'grocer'"), [{ name: 'Grocery' }]);
});
