/**
 * Runs a parsed CEL expression by docs/calculation.md: strictly from left to right, one part after the other. What can't be evaluated throws, and nothing
 * on its right or around it takes that back; CEL's own `||`, `&&`, `exists` and `all` would, so its evaluator is not asked.
 */
import type { ASTNode } from '@marcbachmann/cel-js';

/** What a name stands for. */
export type Scope = (name: string) => unknown;

const MAX = BigInt(Number.MAX_SAFE_INTEGER);
function exact(value: bigint): bigint {
  if (value > MAX || value < -MAX) throw new RangeError('an integer passes 2^53-1');
  return value;
}

export function run(node: ASTNode, scope: Scope): unknown {
  const value = <T>(part: ASTNode): T => run(part, scope) as T;
  switch (node.op) {
    case 'value': return node.args;
    case 'id': return scope(node.args);
    case 'list': return node.args.map(value);
    case '.': return value<Record<string, unknown>>(node.args[0])[node.args[1]];
    case '!_': return !value<boolean>(node.args);
    case '&&': return value<boolean>(node.args[0]) && value<boolean>(node.args[1]);
    case '||': return value<boolean>(node.args[0]) || value<boolean>(node.args[1]);
    case '?:': return value<boolean>(node.args[0]) ? value(node.args[1]) : value(node.args[2]);
    case '==': return value(node.args[0]) === value(node.args[1]);
    case '!=': return value(node.args[0]) !== value(node.args[1]);
    case '<': return value<bigint>(node.args[0]) < value<bigint>(node.args[1]);
    case '<=': return value<bigint>(node.args[0]) <= value<bigint>(node.args[1]);
    case '>': return value<bigint>(node.args[0]) > value<bigint>(node.args[1]);
    case '>=': return value<bigint>(node.args[0]) >= value<bigint>(node.args[1]);
    case '-_': return exact(-value<bigint>(node.args));
    case '+': return exact(value<bigint>(node.args[0]) + value<bigint>(node.args[1]));
    case '-': return exact(value<bigint>(node.args[0]) - value<bigint>(node.args[1]));
    case '*': return exact(value<bigint>(node.args[0]) * value<bigint>(node.args[1]));
    case '/': return exact(value<bigint>(node.args[0]) / value<bigint>(node.args[1]));
    case '%': return exact(value<bigint>(node.args[0]) % value<bigint>(node.args[1]));
    case 'in': {
      const wanted = value(node.args[0]);
      return value<unknown[]>(node.args[1]).includes(wanted);
    }
    case 'call': return ofList(node.args[0], value<Iterable<unknown>>(node.args[1][0]!));
    case 'rcall': {
      const [name, receiver, given] = node.args, of = value<string | Iterable<unknown>>(receiver);
      if (typeof of === 'string') return ofText(name, of, value<string>(given[0]!));
      return given.length === 0 ? ofList(name, of) : macro(name, of, given, scope);
    }
    default: throw new TypeError(`conditions have no ${node.op}`);
  }
}

function ofText(name: string, text: string, part: string): boolean {
  switch (name) {
    case 'startsWith': return text.startsWith(part);
    case 'endsWith': return text.endsWith(part);
    case 'contains': return text.includes(part);
    default: throw new TypeError(`texts have no ${name}()`);
  }
}

function ofList(name: string, items: Iterable<unknown>): bigint {
  const values = [...items];
  switch (name) {
    case 'size': return BigInt(values.length);
    case 'sum': return (values as bigint[]).reduce((sum, item) => exact(sum + item), 0n);
    default: throw new TypeError(`lists have no ${name}()`);
  }
}

/** Goes from item to item: each passes the filters before it, then what the macro asks; none is looked at once the answer is known. */
function macro(name: string, items: Iterable<unknown>, [variable, first, second]: ASTNode[], scope: Scope): unknown {
  const ask = <T>(node: ASTNode, item: unknown): T => run(node, (other) => (other === variable!.args ? item : scope(other))) as T;
  const fits = (item: unknown): boolean => ask<boolean>(first!, item);
  switch (name) {
    case 'filter': return filtered(items, fits);
    case 'map': return second ? mapped(filtered(items, fits), (item) => ask(second, item)) : mapped(items, (item) => ask(first!, item));
    case 'exists': return isAny(filtered(items, fits));
    case 'all': return !isAny(filtered(items, (item) => !fits(item)));
    case 'exists_one': return isOne(filtered(items, fits));
    default: throw new TypeError(`lists have no ${name}()`);
  }
}
function* filtered(items: Iterable<unknown>, fits: (item: unknown) => boolean): Iterable<unknown> {
  for (const item of items) if (fits(item)) yield item;
}
function* mapped(items: Iterable<unknown>, value: (item: unknown) => unknown): Iterable<unknown> {
  for (const item of items) yield value(item);
}
function isAny(items: Iterable<unknown>): boolean {
  for (const _ of items) return true;
  return false;
}
function isOne(items: Iterable<unknown>): boolean {
  let count = 0;
  for (const _ of items) if (++count > 1) return false;
  return count === 1;
}
