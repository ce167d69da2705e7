-- Partners, stores and products as small tables that are replaced as a whole (engine/sink/dimensions.ts fills another one and exchanges the two). They say what is known today; a
-- fact keeps what was known when it was processed.

CREATE TABLE IF NOT EXISTS {database}.partners {on_cluster} (
  id String, name String, program LowCardinality(String), time_zone LowCardinality(String), currency LowCardinality(String)
) ENGINE = {merge_tree} ORDER BY id;

CREATE TABLE IF NOT EXISTS {database}.stores {on_cluster} (
  partner String, id String, time_zone LowCardinality(String), region LowCardinality(String), latitude Float64, longitude Float64
) ENGINE = {merge_tree} ORDER BY (partner, id);

CREATE TABLE IF NOT EXISTS {database}.products {on_cluster} (
  partner String, sku String, name String, category LowCardinality(String), department LowCardinality(String), brand LowCardinality(String),
  manufacturer LowCardinality(String), gtin String
) ENGINE = {merge_tree} ORDER BY (partner, sku);
