import t from 'tap';
import { CARD_CHARACTERS_MAX, holdsPaymentCard, withoutPaymentCards } from './payment-card.js';

const holds = (text: string, end?: number): boolean => holdsPaymentCard(Buffer.from(text), end);

t.test('the number of a payment card is found wherever it stands', async (t) => {
  const numbers = ['4111111111111111', '4111 1111 1111 1111', '4111-1111-1111-1111', '378282246310005', '4222222222222', '6304000000000000', '4000000000000000006'];
  for (const number of numbers) {
    const around = [number, `{"card":"${number}"}`, `{"card":${number}`, `7 ${number} 12`, `12-${number}`, `x${number}y`, `${'1 '.repeat(40)}${number}`, `${'9'.repeat(60)} ${number}`, `é${number}é`];
    for (const text of around) t.ok(holds(text), text);
  }
});

t.test('other numbers are none', async (t) => {
  for (const text of [
    '', '4111111111111112', '9111111111111111', '411111111111', '41111111111111111111111', '14111111111111111', '4111.1111.1111.1111', '4111,1111,1111,1111', '2025-03-01T12:00:00Z', '4111 1111\n1111 1111',
    '{"total":9007199254740993}', '1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1',
  ]) t.notOk(holds(text), text);
});

t.test('one that begins before the end is read to its own end; what begins behind it is not looked at', async (t) => {
  const text = 'abc 4111 1111 1111 1111 x';
  for (let end = 0; end <= text.length; end++) t.equal(holds(text, end), end > 4, String(end));
  t.equal(CARD_CHARACTERS_MAX, 37);
});

t.test('it stands nowhere in a text that is shown, and the rest of the text does', async (t) => {
  t.equal(withoutPaymentCards('must be text, not 4111111111111111'), 'must be text, not ****************');
  t.equal(withoutPaymentCards('4111-1111 1111-1111: 17, 4111111111111112'), '****-**** ****-****: 17, 4111111111111112');
  t.equal(withoutPaymentCards('no number 12345'), 'no number 12345');
});
