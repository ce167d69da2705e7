/** Reconciliations of an earlier release named nobody: what they took back is compared all the same, and a wrong name is still one. */
import t from 'tap';
import type { FactRecord } from '../../schemas/fact.js';
import { asOfOld } from './expected.js';

const fact = (kind: FactRecord['kind'], partner: string, id: string): FactRecord => ({ kind, partner, id }) as FactRecord;
const named = fact('reconciliation', 'shop', '7');
t.match(asOfOld(named, fact('reconciliation', '', '')), { partner: '', id: '' });
t.equal(asOfOld(named, fact('reconciliation', 'other', '7')), named);
t.equal(asOfOld(named, fact('reconciliation', '', '7')), named);
t.equal(asOfOld(named, undefined), named);
const purchase = fact('purchase', 'shop', '7');
t.equal(asOfOld(purchase, fact('purchase', '', '')), purchase);
