/**
 * Partners, stores and products as small tables that are replaced as a whole (engine/sink/dimensions.ts fills another one and exchanges the two), and as dictionaries for
 * dictGet. They say what is known today; a fact keeps what was known when it was processed.
 */
export interface DimensionTable { columns: Record<string, string>; key: string[] }

const text = 'String', name = 'LowCardinality(String)', degrees = 'Float64';
export const dimensionTables = {
  partners: { columns: { id: text, name: text, program: name, time_zone: name, currency: name }, key: ['id'] },
  stores: { columns: { partner: text, id: text, time_zone: name, region: name, latitude: degrees, longitude: degrees }, key: ['partner', 'id'] },
  products: {
    columns: { partner: text, sku: text, name: text, category: name, department: name, brand: name, manufacturer: name, gtin: text },
    key: ['partner', 'sku'],
  },
} as const satisfies Record<string, DimensionTable>;
export type Dimension = keyof typeof dimensionTables;

const tables = (Object.entries(dimensionTables) as [Dimension, DimensionTable][]).map(([table, { columns, key }]) =>
  `CREATE TABLE IF NOT EXISTS pointstream.${table} (${Object.entries(columns).map(([column, type]) => `${column} ${type}`).join(', ')}) ENGINE = MergeTree ORDER BY (${key.join(', ')})`);

/** The server asks for a new version of a dictionary now and then, and loads one when it is first used. */
const RELOAD_SECONDS = [30, 60] as const;
const dictionaries = (Object.entries(dimensionTables) as [Dimension, DimensionTable][]).map(([table, { columns, key }]) => {
  const attributes = Object.entries(columns).map(([column, type]) => `${column} ${type.replace(/^LowCardinality\((.*)\)$/, '$1')}`);
  return `CREATE OR REPLACE DICTIONARY pointstream.${table}_dictionary (${attributes.join(', ')}) PRIMARY KEY ${key.join(', ')}
    SOURCE(CLICKHOUSE(TABLE '${table}' DB 'pointstream')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(MIN ${RELOAD_SECONDS[0]} MAX ${RELOAD_SECONDS[1]})`;
});

export const dimensions: string[] = [...tables, ...dictionaries];
