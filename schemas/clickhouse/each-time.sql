-- What every migration sets again, because it depends on how the server is reached: the dictionaries read their tables as the engine's user. A dictionary is loaded when it is first
-- used. A server asks for a new version now and then, the embedded one never: engine/sink/dimensions.ts makes a dictionary anew when its table has changed.

CREATE OR REPLACE DICTIONARY {database}.partners_dictionary {on_cluster} (id String, name String, program String, time_zone String, currency String)
PRIMARY KEY id SOURCE(CLICKHOUSE({as_user} TABLE 'partners' DB '{database}')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(MIN 30 MAX 60);

CREATE OR REPLACE DICTIONARY {database}.stores_dictionary {on_cluster} (partner String, id String, time_zone String, region String, latitude Float64, longitude Float64)
PRIMARY KEY partner, id SOURCE(CLICKHOUSE({as_user} TABLE 'stores' DB '{database}')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(MIN 30 MAX 60);

CREATE OR REPLACE DICTIONARY {database}.products_dictionary {on_cluster} (
  partner String, sku String, name String, category String, department String, brand String, manufacturer String, gtin String)
PRIMARY KEY partner, sku SOURCE(CLICKHOUSE({as_user} TABLE 'products' DB '{database}')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(MIN 30 MAX 60);
