/**
 * The coalition in which generated purchases happen: partners, stores and products by number, and their documents. Everything follows from the
 * numbers and the seed.
 */
import type { PartnerDocument, ProductDocument } from '../schemas/reference.js';
import { Random } from './random.js';

export interface WorldOptions { seed: number; partners: number; /** over all partners */ stores: number; /** over all partners */ products: number }

const CATEGORIES = 60, CATEGORIES_PER_DEPARTMENT = 5, BRANDS = 200;
export const categoryName = (category: number): string => `category-${String(category).padStart(2, '0')}`;
export const brandName = (brand: number): string => `brand-${String(brand).padStart(3, '0')}`;

/** What a simulated purchase needs to know of the coalition. Products and stores of a partner are numbered from 0. */
export interface World {
  readonly partnerIds: readonly string[];
  readonly storesPerPartner: number;
  readonly productsPerPartner: number;
  store(partner: number, store: number): string;
  sku(product: number): string;
  /** Minor units for one piece, or one kilogram of what is weighed. */
  price(partner: number, product: number): number;
  isWeighed(partner: number, product: number): boolean;
  partnerDocument(partner: number): PartnerDocument;
  productDocuments(partner: number): ProductDocument[];
}

/** The world of the load tests: as large whatever the number of its partners. */
export const loadTestWorld = (seed: number, partners: number): WorldOptions => ({ seed, partners, stores: 2000, products: 80_000 });

export class GeneratedWorld implements World {
  readonly partnerIds: readonly string[];
  readonly storesPerPartner: number;
  readonly productsPerPartner: number;
  private readonly prices: Int32Array;
  private readonly categories: Uint8Array;
  private readonly brands: Uint8Array;

  constructor({ seed, partners, stores, products }: WorldOptions) {
    this.partnerIds = Array.from({ length: partners }, (_, i) => `partner-${String(i).padStart(3, '0')}`);
    this.storesPerPartner = Math.max(1, Math.floor(stores / partners));
    this.productsPerPartner = Math.max(1, Math.floor(products / partners));
    const count = this.productsPerPartner * partners, random = new Random(seed).at(-1);
    this.prices = Int32Array.from({ length: count }, () => 40 + Math.floor(2500 * random.fraction() ** 2));
    this.categories = Uint8Array.from({ length: count }, () => random.below(CATEGORIES));
    this.brands = Uint8Array.from({ length: count }, () => random.below(BRANDS));
  }
  store(partner: number, store: number): string {
    return `s${String(partner * this.storesPerPartner + store).padStart(4, '0')}`;
  }
  sku(product: number): string {
    return String(100_000 + product);
  }
  price(partner: number, product: number): number {
    return this.prices[partner * this.productsPerPartner + product]!;
  }
  isWeighed(partner: number, product: number): boolean {
    return this.categories[partner * this.productsPerPartner + product]! < CATEGORIES / 10;
  }
  partnerDocument(partner: number): PartnerDocument {
    return {
      name: `Partner ${partner}`, program: 'default', timeZone: 'Europe/Berlin', currency: 'EUR',
      stores: Array.from({ length: this.storesPerPartner }, (_, store) => ({ id: this.store(partner, store), region: `region-${store % 16}` })),
    };
  }
  productDocuments(partner: number): ProductDocument[] {
    return Array.from({ length: this.productsPerPartner }, (_, product) => {
      const place = partner * this.productsPerPartner + product, category = this.categories[place]!;
      return {
        sku: this.sku(product), name: `Product ${product}`, category: categoryName(category),
        department: `department-${String(Math.floor(category / CATEGORIES_PER_DEPARTMENT)).padStart(2, '0')}`, brand: brandName(this.brands[place]!),
      };
    });
  }
}
