/**
 * The database of facts, step by step: the numbered files NNN-name.sql of this folder. A step is never edited once released: what changes is a new step. Every statement may be run
 * again (a step that was cut off is repeated whole), also by two at a time. What stands in each-time.sql is set again by every migration.
 *
 * In the files, {database} is the database's name and {merge_tree} the engine of tables: MergeTree, or on a cluster ReplicatedMergeTree, for which {on_cluster} has every replica do
 * the statement. {as_user} is how a dictionary logs in.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Dimension } from './dimensions.js';

/** Where the tables are to be. */
export interface DatabasePlace {
  database: string;
  /** Of ClickHouse's configuration, with one shard: tables are replicated over it. Empty: plain tables on one server. */
  cluster: string;
  /** As whom dictionaries read their tables; not given: as `default`, who needs no password. */
  login?: { user: string; password: string };
}
/** What the embedded ClickHouse always has. */
export const embeddedPlace: DatabasePlace = { database: 'pointstream', cluster: '' };
export interface Migration { number: number; name: string; file: string }

const folder = new URL('./', import.meta.url);
export const migrations: Migration[] = readdirSync(folder).sort().flatMap((file) => {
  const [, number, name] = /^(\d{3})-(.+)\.sql$/.exec(file) ?? [];
  return number === undefined ? [] : [{ number: Number(number), name: name!.replaceAll('-', ' '), file }];
});

/**
 * Only where the server knows them. Merging a row costs nearly twice what inserting it does, and with ClickHouse's defaults a row is merged every fivefold growth of its part: so
 * only dozens of parts at a time are (more would need more memory than the embedded server has), and no statistics of every column are kept.
 */
const optionalFactsSettings: Record<string, string> = {
  auto_statistics_types: "''",
  min_parts_to_merge_at_once: '50',
  max_parts_to_merge_at_once: '60',
  merge_selector_enable_heuristic_to_lower_max_parts_to_merge_at_once: '0',
};

/** As much of @clickhouse/client as is needed here. Its own database must be one that is there from the start. */
export interface MigrationClient {
  command(options: { query: string }): Promise<unknown>;
  query(options: { query: string; format: 'JSONEachRow' }): Promise<{ json<T>(): Promise<T[]> }>;
}

/** Brings the database to the newest step and returns the steps it took. May be cut off anywhere and called again. Throws what the server says. */
export async function migrate(client: MigrationClient, place: DatabasePlace = embeddedPlace): Promise<Migration[]> {
  const run = (query: string): Promise<unknown> => client.command({ query });
  if (place.cluster !== '') await checkCluster(client, place.cluster);
  const fill = (text: string): string => fillIn(text, place);
  await run(fill('CREATE DATABASE IF NOT EXISTS {database} {on_cluster} ENGINE = Atomic'));
  await run(fill(`CREATE TABLE IF NOT EXISTS {database}.migrations {on_cluster} (number UInt32, name String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
    ENGINE = {merge_tree} ORDER BY number SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`));
  const pending = await pendingMigrations(client, place);
  for (const { number, name, file } of pending) {
    for (const statement of statementsOf(file)) await run(fill(statement));
    await run(fill(`INSERT INTO {database}.migrations (number, name) VALUES (${number}, '${name}')`));
  }
  for (const statement of statementsOf('each-time.sql')) await run(fill(statement));
  const names = `'${Object.keys(optionalFactsSettings).join("', '")}'`;
  for (const { name } of await ask<{ name: string }>(client, `SELECT name FROM system.merge_tree_settings WHERE name IN (${names})`)) {
    await run(fill(`ALTER TABLE {database}.facts {on_cluster} MODIFY SETTING ${name} = ${optionalFactsSettings[name]!}`));
  }
  return pending;
}

/** Steps that the database lacks; all of them where there is none. */
export async function pendingMigrations(client: MigrationClient, { database }: DatabasePlace): Promise<Migration[]> {
  const [found] = await ask<{ tables: string }>(client, `SELECT count() AS tables FROM system.tables WHERE database = '${database}' AND name = 'migrations'`);
  if (Number(found!.tables) === 0) return migrations;
  const done = new Set((await ask<{ number: number }>(client, `SELECT DISTINCT number FROM ${database}.migrations`)).map(({ number }) => number));
  return migrations.filter(({ number }) => !done.has(number));
}

async function checkCluster(client: MigrationClient, cluster: string): Promise<void> {
  const [found] = await ask<{ shards: string }>(client, `SELECT uniqExact(shard_num) AS shards FROM system.clusters WHERE cluster = '${cluster}'`);
  const shards = Number(found!.shards);
  if (shards === 0) throw new Error(`the server knows no cluster ${cluster} (system.clusters)`);
  if (shards > 1) throw new Error(`cluster ${cluster} has ${shards} shards; facts need a cluster of one shard, with as many replicas as wanted`);
}

/** The engine of tables. Each has a path of its own in ClickHouse Keeper, which it keeps when it is renamed or exchanged. `kind`: what merges do with rows of the same key. */
export function mergeTree(cluster: string, kind: '' | 'Replacing' = ''): string {
  return cluster === '' ? `${kind}MergeTree` : `Replicated${kind}MergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')`;
}
export function onCluster(cluster: string): string {
  return cluster === '' ? '' : `ON CLUSTER '${cluster}'`;
}

/** Makes the dictionary of a table anew, so that it is loaded again when it is next used. */
export function dictionaryStatement(table: Dimension, place: DatabasePlace): string {
  return fillIn(statementsOf('each-time.sql').find((statement) => statement.includes(`.${table}_dictionary `))!, place);
}

/** Statements of a file, without its comments. */
export function statementsOf(file: string): string[] {
  const text = readFileSync(new URL(file, folder), 'utf8').replace(/^--.*\n/gm, '');
  return text.split(/;\s*(?:\n|$)/).map((statement) => statement.trim()).filter((statement) => statement !== '');
}

export function fillIn(text: string, { database, cluster, login }: DatabasePlace): string {
  const literal = (value: string): string => `'${value.replace(/[\\']/g, '\\$&')}'`;
  const asUser = login === undefined ? '' : `USER ${literal(login.user)} PASSWORD ${literal(login.password)}`;
  const values: Record<string, string> = { database, on_cluster: onCluster(cluster), merge_tree: mergeTree(cluster), as_user: asUser };
  return text.replace(/\{(database|on_cluster|merge_tree|as_user)\}/g, (_, name: string) => values[name]!);
}

async function ask<T>(client: MigrationClient, query: string): Promise<T[]> {
  return (await client.query({ query, format: 'JSONEachRow' })).json<T>();
}
