import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { addCase, expectedFact, factCase, names, reference, referenceSet } from '../../test/facts/fact-cases.js';
import { FactBlock } from './fact-block.js';
import { OpenFacts, readFact, readFacts } from './read-fact.js';

const seed = 20_260_101;
/** 0 and -0 are the same. */
const isDeepEqual = (a: object, b: object): boolean => isDeepStrictEqual(...[a, b].map((value) => JSON.parse(JSON.stringify(value)) as unknown) as [unknown, unknown]);
t.comment(`seed ${seed}`);

t.test('what is written is read back equal, block after block from one instance', async (t) => {
  const block = new FactBlock();
  fc.assert(fc.property(fc.array(factCase(), { maxLength: 30 }), (cases) => {
    block.reset();
    for (const fact of cases) addCase(block, fact);
    const bytes = block.finish().slice();
    t.equal(block.rows, cases.length);
    t.same([...readFacts(bytes)], cases.map(expectedFact));
  }), { seed, numRuns: 150 });
});

t.test('rows can be read while more of them are written', async () => {
  const block = new FactBlock();
  fc.assert(fc.property(fc.array(factCase(), { minLength: 1, maxLength: 12 }), (cases) => {
    block.reset();
    for (const [row, fact] of cases.entries()) {
      addCase(block, fact);
      if (!isDeepEqual(block.written().fact(row), expectedFact(fact))) throw new Error(`row ${row} reads otherwise: ${JSON.stringify(block.written().fact(row))}`);
    }
    if (!isDeepEqual(block.written().fact(0), readFact(block.finish(), 0))) throw new Error('finished, it reads otherwise');
  }), { seed, numRuns: 150 });
});

t.test('with the marks of its texts it is opened without going through them, and says the same', async (t) => {
  const block = new FactBlock();
  fc.assert(fc.property(fc.array(factCase(), { minLength: 1, maxLength: 60 }), (cases) => {
    block.reset();
    for (const fact of cases) addCase(block, fact);
    const bytes = block.finish().slice(), facts = new OpenFacts(bytes, block.marks.slice());
    for (const [row, fact] of cases.entries()) {
      const { rows, place } = facts.at(row);
      if (!isDeepEqual(rows.fact(place), expectedFact(fact))) throw new Error(`row ${row} reads otherwise: ${JSON.stringify(rows.fact(place))}`);
    }
  }), { seed, numRuns: 150 });
  block.reset();
  t.equal(block.marks.length, 0, 'none of a block that is not finished');
});

t.test('a thousand lines, and none', async (t) => {
  const [many, none] = fc.sample(factCase(0), { seed, numRuns: 2 });
  const line = { kind: 0, category: 1, ownCategory: '', department: 2, brand: 3, quantity: 1000, amount: 99, discount: 0 };
  many!.withTransaction = true;
  many!.awards = [];
  many!.lines = Array.from({ length: 1000 }, (_, i) => ({ ...line, line: i + 1, sku: `sku ${i}` }));
  const block = new FactBlock();
  addCase(block, many!);
  addCase(block, none!);
  const bytes = block.finish().slice();
  t.same(readFact(bytes, 0), expectedFact(many!));
  t.same(readFact(bytes, 1), expectedFact(none!));
  t.throws(() => readFact(bytes, 2), /no fact in row 2/);
});

t.test('blocks may follow one another; a cut block is said to be one', async (t) => {
  const cases = fc.sample(factCase(), { seed, numRuns: 9 });
  const block = new FactBlock();
  const blocks = [cases.slice(0, 4), cases.slice(4)].map((part) => {
    block.reset();
    for (const fact of part) addCase(block, fact);
    return block.finish().slice();
  });
  const bytes = Buffer.concat(blocks);
  t.equal([...readFacts(bytes)].length, 9);
  cases.forEach((fact, row) => t.same(readFact(bytes, row), expectedFact(fact)));
  t.throws(() => [...readFacts(bytes.subarray(0, bytes.length - 1))], /cut off/);
});

t.test('dictionaries grow past a byte and past two', async (t) => {
  const [fact] = fc.sample(factCase(0), { seed, numRuns: 1 });
  fact!.withTransaction = true;
  for (const count of [300, 70_000]) {
    const block = new FactBlock();
    for (let i = 0; i < count; i++) addCase(block, { ...fact!, awards: [], postings: [], texts: { ...fact!.texts, store: `store ${i}` } });
    const bytes = block.finish().slice();
    for (const row of [0, 255, 256, count - 1]) t.equal(readFact(bytes, row).store, `store ${row}`);
  }
});

t.test('of two sets of reference data in one block each names its own', async (t) => {
  const [fact] = fc.sample(factCase(3), { seed, numRuns: 1 });
  fact!.withTransaction = true;
  const renamed = {
    set: { ...referenceSet, partners: referenceSet.partners.map((partner) => ({ ...partner, id: `new-${partner.id}` })), funders: referenceSet.funders.map((id) => `new-${id}`) },
    names: names.map((name) => `new ${name}`),
  };
  const block = new FactBlock(), line = { kind: 0, category: 1, ownCategory: '', department: 2, brand: 3, quantity: 1000, amount: 99, discount: 0, line: 1, sku: 'a' };
  const award = { rule: 3, currency: 0, points: 5, input: 0, milestones: 0, period: 0, shares: [] };
  const posting = { kind: 0, balance: 0, counter: 1, currency: 0, funder: 4, points: 5, award: 0, expires: 1, matures: 1 };
  for (const known of [reference, renamed, reference]) addCase(block, { ...fact!, lines: [line], awards: [award], postings: [posting] }, known);
  const facts = [...readFacts(block.finish())];
  const partner = referenceSet.partners[fact!.partner]!.id;
  t.same(facts.map((fact) => fact.partner), [partner, `new-${partner}`, partner]);
  t.same(facts.map((fact) => fact.lines[0]!.category), [names[1], `new ${names[1]}`, names[1]]);
  t.same(facts.map((fact) => fact.postings[0]!.funder), ['partner-4', 'new-partner-4', 'partner-4']);
});
