/**
 * Conditions: CEL compiled to JavaScript over the typed arrays of the transaction. Constants are lifted out of the code, so that conditions which differ
 * only in them share one function; texts of the transaction compare as ordinals of names.
 *
 * Promises: what compiles can't throw, allocate, or loop longer than once over the lines for each list macro. Every integer is watched: one that leaves
 * ±(2^53-1), and nothing else, makes the condition false as a whole. A condition that can never hold (as far as bounds of integers tell), and every
 * part of CEL that is not supported, is refused here.
 */
import { ParseError, TypeError as CelTypeError, type ASTNode } from '@marcbachmann/cel-js';
import { lineEnvironment, lineFields, transactionEnvironment, transactionFields, type ConditionField } from '../../schemas/condition.js';
import type { Names } from '../reference/names.js';
import { Text, type Transaction } from '../transaction.js';
import { utf8 } from '../utf8.js';
import { Place, type Frame } from './frame.js';

/** `line` is the line's index for conditions of lines, else 0. */
export type ConditionCode = (frame: Frame, t: Transaction, constants: readonly unknown[], line: number) => boolean;
export interface Condition { run: ConditionCode; constants: readonly unknown[] }
export type ConditionSubject = 'transaction' | 'line';

export class ConditionError extends Error {
  /** `column` counts from 1. `unknown` and `known`: the name that does not exist and those that do. */
  constructor(message: string, readonly column: number, readonly unknown?: string, readonly known: readonly string[] = []) {
    super(message);
  }
}

/** A compiled expression: its code, its type, and what is known of its value. */
type Part =
  | { type: 'bool'; code: string; constant?: boolean }
  | { type: 'int'; code: string; min: number; max: number; constant?: number }
  | { type: 'string'; constant: string }
  /** `code`: the ordinal of the text. `place`: where frame.startsWith() and the like find its bytes. */
  | { type: 'string'; constant?: undefined; code: string; place: string }
  | { type: 'lines'; filters: string[] }
  | { type: 'numbers'; filters: string[]; value: Part & { type: 'int' } };
type Flag = Part & { type: 'bool' };
type Integer = Part & { type: 'int' };
type Lines = Part & { type: 'lines' };

const MAX = Number.MAX_SAFE_INTEGER;
const IN_LIST_INLINE_MAX = 8;
/** Compiled functions by their code: as many as there are shapes of conditions. */
const codeCache = new Map<string, ConditionCode>();
const CODE_CACHE_MAX = 10_000;

export function compileCondition(text: string, subject: ConditionSubject, names: Names): Condition {
  const environment = subject === 'line' ? lineEnvironment : transactionEnvironment;
  try {
    const parsed = environment.parse(text);
    const { error } = parsed.check();
    if (error !== undefined) throw error;
    return new Compiler(subject, names).compile(parsed.ast);
  } catch (error) {
    if (!(error instanceof ParseError || error instanceof CelTypeError)) throw error;
    const at = error.range?.start ?? 0, key = /^No such key: (\w+)/.exec(error.summary)?.[1], variable = /^Unknown variable: (\w+)/.exec(error.summary)?.[1];
    const fields = text.slice(0, at).endsWith('transaction.') ? transactionFields : lineFields;
    if (key !== undefined) throw new ConditionError(`there is no field ${key}`, at + 1, key, Object.keys(fields));
    const variables = subject === 'line' ? ['line'] : ['transaction', 'lines'];
    if (variable !== undefined) throw new ConditionError(`nothing is named ${variable} here`, at + 1, variable, variables);
    throw new ConditionError(error.summary, at + 1);
  }
}

class Compiler {
  private readonly constants: unknown[] = [];
  private readonly functions: string[] = [];
  /** The variable that stands for a line, inside list macros and conditions of lines. */
  private lineName: string | undefined;

  constructor(private readonly subject: ConditionSubject, private readonly names: Names) {
    this.lineName = subject === 'line' ? 'line' : undefined;
  }

  compile(ast: ASTNode): Condition {
    const part = this.part(ast);
    if (part.type !== 'bool') throw refusal(ast, 'a condition must be true or false');
    if (part.constant === false) throw refusal(ast, 'the condition can never hold');
    const source = `${this.functions.join('\n')}\nreturn (f, t, k, i) => { f.overflow = false; return ${part.code} && !f.overflow; };`;
    let run = codeCache.get(source);
    if (run === undefined) {
      run = (new Function('checked', 'Place', source) as (checked: typeof checkedInteger, place: typeof Place) => ConditionCode)(checkedInteger, Place);
      if (codeCache.size === CODE_CACHE_MAX) codeCache.clear();
      codeCache.set(source, run);
    }
    return { run, constants: this.constants };
  }

  private part(node: ASTNode): Part {
    switch (node.op) {
      case 'value': return this.literal(node, node.args);
      case 'id': return this.variable(node, node.args);
      case '.': return this.field(node, node.args[0], node.args[1]);
      case '&&': case '||': return this.logical(node.op, this.flag(node.args[0]), this.flag(node.args[1]));
      case '!_': return not(this.flag(node.args));
      case '-_': return this.arithmetic(node, '-', this.lifted(0), this.integer(node.args));
      case '+': case '-': case '*': case '/': case '%': return this.arithmetic(node, node.op, this.integer(node.args[0]), this.integer(node.args[1]));
      case '<': case '<=': case '>': case '>=': return compare(node.op, this.integer(node.args[0]), this.integer(node.args[1]));
      case '==': return this.equal(node, this.part(node.args[0]), this.part(node.args[1]));
      case '!=': return not(this.equal(node, this.part(node.args[0]), this.part(node.args[1])));
      case 'in': return this.within(node, this.part(node.args[0]), node.args[1]);
      case '?:': return this.choice(node, this.flag(node.args[0]), this.part(node.args[1]), this.part(node.args[2]));
      case 'call': return this.call(node, node.args[0], node.args[1]);
      case 'rcall': return this.method(node, node.args[0], node.args[1], node.args[2]);
      default: throw refusal(node, `conditions don't support ${node.op}`);
    }
  }
  private integer(node: ASTNode): Integer {
    const part = this.part(node);
    if (part.type !== 'int') throw refusal(node, 'must be an integer');
    return part;
  }
  private flag(node: ASTNode): Flag {
    const part = this.part(node);
    if (part.type !== 'bool') throw refusal(node, 'must be true or false');
    return part;
  }

  private literal(node: ASTNode, value: unknown): Part {
    if (typeof value === 'boolean') return { type: 'bool', code: String(value), constant: value };
    if (typeof value === 'string') return { type: 'string', constant: value };
    if (typeof value !== 'bigint') throw refusal(node, 'numbers are integers here: amounts in minor units, quantities in thousandths');
    if (value > BigInt(MAX)) throw refusal(node, 'passes 2^53-1');
    return this.lifted(Number(value));
  }
  private lifted(value: number): Integer {
    return { type: 'int', code: this.constant(value), min: value, max: value, constant: value };
  }
  private constant(value: unknown): string {
    return `k[${this.constants.push(value) - 1}]`;
  }

  private variable(node: ASTNode, name: string): Part {
    if (this.subject === 'transaction' && this.lineName === undefined && name === 'lines') return { type: 'lines', filters: [] };
    throw refusal(node, name === 'lines' ? 'one list macro inside another is not supported' : `name a field: ${name}.…`);
  }

  private field(node: ASTNode, object: ASTNode, name: string): Part {
    if (object.op !== 'id') throw refusal(node, "conditions don't support this");
    const ofLine = object.args === this.lineName, fields: Record<string, ConditionField> = ofLine ? lineFields : transactionFields;
    if (!ofLine && object.args !== 'transaction') throw refusal(node, `fields of ${object.args} can't be read here`);
    const { type, min, max } = fields[name]!;
    if (type === 'string') return ofLine ? lineText(name) : transactionText(name);
    return { type: 'int', code: (ofLine ? lineIntegers : transactionIntegers)[name]!, min: min!, max: max! };
  }

  private logical(operator: '&&' | '||', left: Flag, right: Flag): Flag {
    const stops = operator === '||', oneStops = left.constant === stops || right.constant === stops;
    const decided = oneStops ? stops : left.constant === !stops ? right.constant : undefined;
    // The code stays whole also when the value is known: an overflow in it must be seen.
    return { type: 'bool', code: `(${left.code} ${operator} ${right.code})`, ...decided === undefined ? {} : { constant: decided } };
  }

  private arithmetic(node: ASTNode, operator: '+' | '-' | '*' | '/' | '%', left: Integer, right: Integer): Integer {
    let corners: number[];
    switch (operator) {
      case '+': corners = [left.min + right.min, left.max + right.max]; break;
      case '-': corners = [left.min - right.max, left.max - right.min]; break;
      case '*': corners = [left.min * right.min, left.min * right.max, left.max * right.min, left.max * right.max]; break;
      default:
        if (right.min <= 0 && right.max >= 0) throw refusal(node, 'may divide by zero', right.constant === undefined ? 'Divide by a constant.' : undefined);
        corners = operator === '/' ? [left.min, left.max, -left.min, -left.max] : [-MAX, MAX];
    }
    const min = Math.min(...corners), max = Math.max(...corners);
    if (min > MAX || max < -MAX) throw refusal(node, 'always passes 2^53-1');
    const plain = operator === '/' ? `Math.trunc(${left.code} / ${right.code})` : `(${left.code} ${operator} ${right.code})`;
    const safe = min >= -MAX && max <= MAX;
    return { type: 'int', code: safe ? plain : `checked(${plain}, f)`, min: Math.max(min, -MAX), max: Math.min(max, MAX) };
  }

  private equal(node: ASTNode, left: Part, right: Part): Flag {
    if (left.type === 'int' && right.type === 'int') {
      const apart = left.max < right.min || right.max < left.min;
      return { type: 'bool', code: `(${left.code} === ${right.code})`, ...apart ? { constant: false } : {} };
    }
    if (left.type === 'bool' && right.type === 'bool') return { type: 'bool', code: `(${left.code} === ${right.code})` };
    if (left.type !== 'string' || right.type !== 'string') throw refusal(node, 'these can\'t be compared');
    if (left.constant !== undefined && right.constant !== undefined) {
      const constant = left.constant === right.constant;
      return { type: 'bool', code: String(constant), constant };
    }
    if (left.constant === undefined && right.constant === undefined) throw refusal(node, 'a field can be compared with a text, not with another field');
    const [field, text] = left.constant === undefined ? [left, right.constant!] : [right as typeof left & { code: string }, left.constant];
    return { type: 'bool', code: `(${field.code} === ${this.constant(this.names.ordinal(text))})` };
  }

  private within(node: ASTNode, left: Part, list: ASTNode): Flag {
    if (list.op !== 'list') throw refusal(list, 'must be a list of constants');
    const values = list.args.map((item) => {
      const part = this.part(item);
      if ((part.type !== 'int' && part.type !== 'string') || part.constant === undefined) throw refusal(item, 'must be a constant');
      return typeof part.constant === 'string' ? this.names.ordinal(part.constant) : part.constant;
    });
    if (values.length === 0) throw refusal(list, 'the list is empty');
    if ((left.type !== 'int' && left.type !== 'string') || left.constant !== undefined) throw refusal(node, 'must be a field in a list of constants');
    if (values.length > IN_LIST_INLINE_MAX) return { type: 'bool', code: `${this.constant(new Set(values))}.has(${left.code})` };
    return { type: 'bool', code: `(${values.map((value) => `${left.code} === ${this.constant(value)}`).join(' || ')})` };
  }

  private choice(node: ASTNode, test: Flag, yes: Part, no: Part): Part {
    if (yes.type !== no.type || (yes.type !== 'bool' && yes.type !== 'int')) throw refusal(node, 'both sides must be integers, or true or false');
    const code = `(${test.code} ? ${yes.code} : ${(no as Flag | Integer).code})`;
    return yes.type === 'bool' ? { type: 'bool', code } : { type: 'int', code, min: Math.min(yes.min, (no as Integer).min), max: Math.max(yes.max, (no as Integer).max) };
  }

  private call(node: ASTNode, name: string, values: readonly ASTNode[]): Part {
    if (name === 'size' && values.length === 1) return this.size(node, this.part(values[0]!));
    if (name !== 'sum' || values.length !== 1) throw refusal(node, `conditions don't support ${name}()`);
    const numbers = this.part(values[0]!);
    if (numbers.type !== 'numbers') throw refusal(values[0]!, 'sum() takes lines.map(l, …)');
    return this.loop(numbers.filters, `sum = checked(sum + ${numbers.value.code}, f);`, 'let sum = 0;', 'return sum;', [-MAX, MAX]);
  }

  private method(node: ASTNode, name: string, receiver: ASTNode, values: readonly ASTNode[]): Part {
    const on = this.part(receiver);
    if (on.type === 'string') return this.textMethod(node, name, on, values);
    if (name === 'size' && values.length === 0) return this.size(node, on);
    if (on.type !== 'lines') throw refusal(node, `conditions don't support .${name}() here`);
    return this.macro(node, name, on, values);
  }
  private size(node: ASTNode, list: Part): Integer {
    if (list.type !== 'lines' && list.type !== 'numbers') throw refusal(node, 'size() takes lines');
    // The numbers of a map are not asked for, but an overflow in them must be seen.
    const body = list.type === 'numbers' ? `${list.value.code}; count++;` : 'count++;';
    return this.loop(list.filters, body, 'let count = 0;', 'return count;', [0, transactionFields.lines.max]);
  }

  private macro(node: ASTNode, name: string, { filters }: Lines, values: readonly ASTNode[]): Part {
    const [variable, first, second] = values;
    if (variable?.op !== 'id' || first === undefined) throw refusal(node, `lines don't have ${name}()`);
    this.lineName = variable.args;
    try {
      switch (name) {
        case 'exists': return bool(this.loop([...filters, this.flag(first).code], 'return true;', '', 'return false;'));
        case 'all': return bool(this.loop([...filters, not(this.flag(first)).code], 'return false;', '', 'return true;'));
        case 'exists_one':
          return bool(this.loop([...filters, this.flag(first).code], 'if (++count > 1) return false;', 'let count = 0;', 'return count === 1;'));
        case 'filter': return { type: 'lines', filters: [...filters, this.flag(first).code] };
        case 'map': return second === undefined
          ? { type: 'numbers', filters, value: this.integer(first) }
          : { type: 'numbers', filters: [...filters, this.flag(first).code], value: this.integer(second) };
        default: throw refusal(node, `lines don't have ${name}()`);
      }
    } finally {
      this.lineName = undefined;
    }
  }
  /** A function of its own that goes over the lines once; the part is a call of it. */
  private loop(filters: string[], body: string, before: string, after: string, [min, max]: [number, number] = [0, 1]): Integer {
    const name = `loop${this.functions.length}`, skip = filters.map((filter) => `if (!${filter}) continue; `).join('');
    this.functions.push(`function ${name}(f, t, k) { ${before} for (let i = 0; i < f.linesGiven; i++) { ${skip}${body} } ${after} }`);
    return { type: 'int', code: `${name}(f, t, k)`, min, max };
  }

  private textMethod(node: ASTNode, name: string, on: Part & { type: 'string' }, [argument, more]: readonly ASTNode[]): Flag {
    const text = argument === undefined || more !== undefined ? undefined : this.part(argument);
    if (on.constant !== undefined || text?.type !== 'string' || text.constant === undefined) throw refusal(node, `.${name}() takes one text, on a field`);
    if (name !== 'startsWith' && name !== 'endsWith' && name !== 'contains') throw refusal(node, `conditions don't support .${name}()`);
    return { type: 'bool', code: `f.${name}(${on.place}, ${this.constant(utf8(text.constant))})` };
  }
}

const refusal = (node: ASTNode, message: string, hint?: string): ConditionError =>
  new ConditionError(hint === undefined ? message : `${message}. ${hint}`, node.range.start + 1);
const bool = (part: Integer): Flag => ({ type: 'bool', code: part.code });
const not = (part: Flag): Flag => ({ type: 'bool', code: `!${part.code}`, ...part.constant === undefined ? {} : { constant: !part.constant } });

function compare(operator: '<' | '<=' | '>' | '>=', left: Integer, right: Integer): Flag {
  const [low, high] = operator.startsWith('<') ? [left, right] : [right, left], strict = operator.length === 1;
  const always = strict ? low.max < high.min : low.max <= high.min, never = strict ? low.min >= high.max : low.min > high.max;
  return { type: 'bool', code: `(${left.code} ${operator} ${right.code})`, ...always ? { constant: true } : never ? { constant: false } : {} };
}

/** The value, or 0 and a note that it left the integers that are exact. */
function checkedInteger(value: number, frame: Frame): number {
  if (value <= MAX && value >= -MAX) return value;
  frame.overflow = true;
  return 0;
}

const transactionIntegers: Record<string, string> = { total: 't.total', lines: 'f.linesGiven', categories: 'f.categories()', hour: 'f.hour()' };
const lineIntegers: Record<string, string> = { amount: 't.amount[i]', quantity: 't.quantity[i]', discount: 't.discount[i]', line: 't.lineNumber[i]' };
const lineOrdinals: Record<string, string> = {
  sku: 'f.skuName(i)', category: 't.lineCategory[i]', department: 't.lineDepartment[i]', brand: 't.lineBrand[i]', kind: 'f.lineKindName(i)',
};

function transactionText(name: string): Part {
  const ordinal = name === 'weekday' ? 'f.weekdayName()' : name === 'currency' ? 'f.currencyName()' : undefined;
  if (ordinal !== undefined) return { type: 'string', code: ordinal, place: `Place.name, ${ordinal}` };
  const field = Text[name as keyof typeof Text];
  return { type: 'string', code: `f.textName(${field})`, place: `Place.field, ${field}` };
}
function lineText(name: string): Part {
  const code = lineOrdinals[name]!;
  return { type: 'string', code, place: name === 'sku' ? 'Place.sku, i' : name === 'category' ? 'Place.category, i' : `Place.name, ${code}` };
}
