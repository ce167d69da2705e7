import t from 'tap';
import { quantile, rounded, shown } from './figures.js';

t.test('quantiles by nearest rank', async (t) => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  t.same([0, 0.5, 0.99, 1].map((share) => quantile(hundred, share)), [1, 50, 99, 100]);
  t.same([quantile([], 0.5), quantile([7], 0.99), quantile([10, 9, 100], 0.5)], [0, 7, 10], 'of none, of one, by number and not by text');
});

t.test('figures as they stand in reports', async (t) => {
  t.same([rounded(1 / 3), rounded(2)], [0.333, 2]);
  t.same([shown(1_234_567.89), shown(0.04)], ['1,234,567.9', '0']);
});
