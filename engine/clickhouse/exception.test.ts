import t from 'tap';
import { exception, fromLibrary } from './exception.js';

t.test('errors of the library', (t) => {
  const cases: [message: string, code: number, name: string, status: number, text: string][] = [
    ['Query failed: Code: 62. DB::Exception: Syntax error: failed at position 7 (1): 1. Expected one of: token. (SYNTAX_ERROR)', 62, 'SYNTAX_ERROR', 400,
      'Code: 62. DB::Exception: Syntax error: failed at position 7 (1): 1. Expected one of: token. (SYNTAX_ERROR) (version 1)\n'],
    ["Code: 164. DB::Exception: Code: 164. DB::Exception: Cannot modify 'a' setting in readonly mode. (READONLY) (version 26.7.2.1).", 164, 'READONLY', 500,
      "Code: 164. DB::Exception: Cannot modify 'a' setting in readonly mode. (READONLY) (version 1)\n"],
    ['Code: 60. DB::Exception: Table a.b does not exist (UNKNOWN_TABLE)', 60, 'UNKNOWN_TABLE', 404, 'Code: 60. DB::Exception: Table a.b does not exist. (UNKNOWN_TABLE) (version 1)\n'],
    ['Code: 395. DB::Exception: said (NOT_A_NAME) here:\nand there. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)', 395, 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO', 500,
      'Code: 395. DB::Exception: said (NOT_A_NAME) here:\nand there. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO) (version 1)\n'],
    ['Code: 73. DB::Exception: Code: 73. DB::Exception: Code: 73. DB::Exception: Unknown format Nope. (UNKNOWN_FORMAT) (version 26.7.2.1). (UNKNOWN_FORMAT) (version 26.7.2.1). (UNKNOWN_FORMAT)', 73, 'UNKNOWN_FORMAT', 404,
      'Code: 73. DB::Exception: Unknown format Nope. (UNKNOWN_FORMAT) (version 1)\n'],
    ['something else', 1001, 'STD_EXCEPTION', 500, 'Code: 1001. DB::Exception: something else. (STD_EXCEPTION) (version 1)\n'],
  ];
  for (const [message, code, errorName, status, text] of cases) {
    const found = fromLibrary(new Error(message));
    t.match(found, { code, errorName, status }, message);
    t.equal(found.text('1'), text);
  }
  const own = exception('SESSION_IS_LOCKED', 'x');
  t.equal(fromLibrary(own), own);
  t.end();
});
