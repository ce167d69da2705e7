/** Which cards are taken: all but the numbers of payment cards, however they are written; or those of the program's ranges. */
import t from 'tap';
import { takesCard, whyNotTaken } from './cards.js';

const any = { name: 'Any', timeZone: 'UTC', currencies: [] };
t.same(['900', 'abc', '4111111111111112', '2900000000018', '4111 1111 1111 1112', '4111/1111/1111/1111', '41-11', '-- -'].filter((card) => !takesCard(any, card)), []);
for (const card of ['4111111111111111', '378282246310005', '4111 1111 1111 1111', '4111-1111-1111-1111', '3782 822463 10005', '4111  1111 - 11111111', ' 4111111111111111-']) {
  t.notOk(takesCard(any, card), card);
  t.equal(whyNotTaken(card), 'payment-card', card);
}
const bank = { ...any, cardRanges: [{ prefix: '4111', length: 19, checkDigit: 'none' as const, product: 'bank' }, { prefix: '77', length: 9, checkDigit: 'luhn' as const, product: 'gold' }] };
t.same(['4111 1111 1111 1111', '3782 822463 10005', '7700-0008'].map((card) => takesCard(bank, card)), [true, false, false], 'a range takes a card as it is written');
t.equal(whyNotTaken('7700-0008'), 'unknown-card');
