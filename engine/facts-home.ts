/**
 * Which ClickHouse has the facts of an installation. Each engine delivers what it decides, and what is delivered never comes again; so with another address an engine would take its share of the
 * facts elsewhere, and neither place had all of them.
 *
 * The identity is the UUID of the table of facts: it is there from the table's first moment, is the same on all replicas, and ends with the table. The log keeps the one that the first engine
 * found; whoever finds another one delivers nothing. `pointstream migrate --adopt` says that the facts begin anew at another place.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { atServer, type Endpoint } from './clickhouse-endpoint.js';
import type { Log } from './log/log.js';

const NAME = 'facts-home';
/** Adopted before it was known which one it would be. */
const ANY = 'any';

export class FactsHome {
  /** It has been found to be the one. */
  private isOurs = false;

  constructor(private readonly log: Log, private readonly endpoint: Endpoint) {}

  /** Why nothing may be delivered yet. */
  get refusal(): string | undefined {
    return this.isOurs ? undefined : 'it is not known yet whether the facts of this installation are in this ClickHouse';
  }
  /** Undefined when they are there, or are to be from now on; else what is wrong, in words for whoever made the settings. To be called when the table is there. */
  async look(): Promise<string | undefined> {
    const { log, endpoint } = this, found = await atServer(endpoint, tableOf), bytes = Buffer.from(found);
    let known = textOf(await log.getValue(NAME));
    if (known === undefined) known = await log.addValue(NAME, bytes) ? found : textOf(await log.getValue(NAME));
    if (known === ANY) await log.putValue(NAME, bytes);
    this.isOurs = known === found || known === ANY;
    if (this.isOurs) return undefined;
    return `database ${endpoint.database} at ${endpoint.url} is not where the facts of this installation are (table ${known}, not ${found}): say the one that has them, or stop all engines and let `
      + 'pointstream migrate --adopt, with these settings, have them begin anew here';
  }
}

/** What is decided from now on goes to the place that the endpoint names; without one, to the first that an engine finds. What was delivered stays where it is. */
export async function adoptHome(log: Log, endpoint: Endpoint | undefined): Promise<void> {
  await log.putValue(NAME, Buffer.from(endpoint ? await atServer(endpoint, tableOf) : ANY));
}

async function tableOf(client: ClickHouseClient, { database }: Endpoint): Promise<string> {
  const query = "SELECT toString(uuid) AS uuid FROM system.tables WHERE database = {database:String} AND name = 'facts'";
  const answer = await client.query({ query, query_params: { database }, format: 'JSONEachRow' });
  const [found] = await answer.json<{ uuid: string }>();
  if (!found) throw new Error(`database ${database} has no table facts`);
  return found.uuid;
}
const textOf = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString();
