/** The tables of reference data (003-reference-data.sql): what identifies a row of each. */
export const dimensionKeys = { partners: ['id'], stores: ['partner', 'id'], products: ['partner', 'sku'] } as const;
export type Dimension = keyof typeof dimensionKeys;
