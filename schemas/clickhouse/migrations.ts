/**
 * The database `pointstream`, step by step. A step is never edited once released: what changes is a new step. Every statement may be run again (a step that was cut off is
 * repeated whole).
 */
import { dimensions } from './dimensions.js';
import { factsTable, optionalFactsSettings } from './facts-table.js';
import { views } from './views.js';

export interface Migration { number: number; name: string; statements: string[] }

const createDatabase = 'CREATE DATABASE IF NOT EXISTS pointstream ENGINE = Atomic';
/** Which steps were done. */
const createMigrationsTable = `CREATE TABLE IF NOT EXISTS pointstream.migrations (number UInt32, name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
  ENGINE = MergeTree ORDER BY number SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`;

const migrations: Migration[] = [
  { number: 1, name: 'facts', statements: [factsTable] },
  { number: 2, name: 'views of facts', statements: views },
  { number: 3, name: 'partners, stores, products', statements: dimensions },
];

/** As much of @clickhouse/client as is needed here. */
export interface MigrationClient {
  command(options: { query: string }): Promise<unknown>;
  query(options: { query: string; format: 'JSONEachRow' }): Promise<{ json<T>(): Promise<T[]> }>;
}

/** Brings the database to the newest step. May be cut off anywhere and called again. Throws what the server says. */
export async function migrate(client: MigrationClient): Promise<void> {
  const run = (query: string): Promise<unknown> => client.command({ query });
  const ask = async <T>(query: string): Promise<T[]> => (await client.query({ query, format: 'JSONEachRow' })).json<T>();
  await run(createDatabase);
  await run(createMigrationsTable);
  const done = new Set((await ask<{ number: number }>('SELECT number FROM pointstream.migrations')).map(({ number }) => number));
  for (const { number, name, statements } of migrations) {
    if (done.has(number)) continue;
    for (const statement of statements) await run(statement);
    await run(`INSERT INTO pointstream.migrations (number, name) VALUES (${number}, '${name}')`);
  }
  const known = await ask<{ name: string }>(`SELECT name FROM system.merge_tree_settings WHERE name IN ('${Object.keys(optionalFactsSettings).join("', '")}')`);
  for (const { name } of known) await run(`ALTER TABLE pointstream.facts MODIFY SETTING ${name} = ${optionalFactsSettings[name]!}`);
}
