/** The protocol, by the clients that speak it: @clickhouse/client, curl, plain HTTP. */
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createClient } from '@clickhouse/client';
import fc from 'fast-check';
import t from 'tap';
import { BlockCompressor, BlockDecompressor, compressedBlock } from './compressed-blocks.js';
import { chdbMissing, eventually, startForTest } from './embedded-fixture.js';

const seed = 20_261_123;
const run = promisify(execFile);

if (chdbMissing) t.test('the protocol', { skip: chdbMissing }, () => undefined);
else {
  t.comment(`seed ${seed}`);
  const { clickHouse: { url, engineUser, enginePassword }, directory, engine, reader } = await startForTest(t);
  const engineHeaders = { 'x-clickhouse-user': engineUser, 'x-clickhouse-key': enginePassword };
  const post = async (body: string | Buffer, { parameters = {} as Record<string, string>, headers = {} as Record<string, string> } = {}): Promise<{ status: number; headers: Headers; bytes: Buffer; text: string }> => {
    const response = await fetch(`${url}/?${new URLSearchParams(parameters)}`, { method: 'POST', body, headers });
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, bytes, text: bytes.toString('utf8') };
  };
  const count = async (table: string): Promise<number> => Number((await post(`SELECT count() FROM ${table}`)).text);
  await engine.command({ query: 'CREATE DATABASE pointstream' });
  await engine.command({ query: 'CREATE TABLE pointstream.transactions (id UInt64, name String) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100' });
  await engine.insert({ table: 'pointstream.transactions', values: [{ id: 1, name: 'a' }, { id: 2, name: 'b\t"\'\n;' }], format: 'JSONEachRow' });

  t.test('curl', async (t) => {
    const curl = async (...words: string[]): Promise<string> => (await run('curl', ['-sS', ...words])).stdout;
    if (await curl('--version').then(() => false, () => true)) return t.comment('skipped: there is no curl');
    t.equal(await curl(url, '-d', 'SELECT count() FROM pointstream.transactions'), '2\n');
    t.equal(await curl('-G', url, '--data-urlencode', 'query=SELECT id, name FROM pointstream.transactions ORDER BY id'), "1\ta\n2\tb\\t\"\\'\\n;\n");
    t.equal(await curl('-u', `${engineUser}:${enginePassword}`, url, '-d', 'SELECT 1'), '1\n');
    t.equal(await curl('-H', `X-ClickHouse-User: ${engineUser}`, '-H', `X-ClickHouse-Key: ${enginePassword}`, url, '-d', 'SELECT 1 FORMAT CSV'), '1\n');
    t.equal(await curl(`${url}/?user=${engineUser}&password=${enginePassword}&query=SELECT%202`), '2\n');
    t.match(await curl('-u', 'default:wrong', url, '-d', 'SELECT 1', '-w', '%{http_code}'), /^Code: 516\. DB::Exception: .*AUTHENTICATION_FAILED\) \(version [\d.]+\)\n403$/);
    t.match(await curl('-G', '-u', `${engineUser}:${enginePassword}`, url, '--data-urlencode', 'query=DROP TABLE pointstream.transactions'), /READONLY/, 'GET changes nothing');
    t.equal(await curl(`${url}/ping`), 'Ok.\n');
    t.equal(await curl(url), 'Ok.\n');
    t.equal(await curl('--compressed', `${url}/?enable_http_compression=1`, '-d', 'SELECT 3'), '3\n');
    t.equal(await curl(url, '-F', 'query=SELECT {a:String} || {b:String}', '-F', 'param_a=x', '-F', 'param_b=y'), 'xy\n');
  });

  t.test('what is written in a format is read back from it', async (t) => {
    const formats = ['JSONEachRow', 'JSONCompactEachRow', 'JSONCompactEachRowWithNamesAndTypes', 'JSON', 'JSONColumns', 'CSV', 'CSVWithNames', 'TabSeparated', 'TSVWithNamesAndTypes', 'Values', 'Native',
      'RowBinary', 'RowBinaryWithNamesAndTypes', 'Parquet', 'ArrowStream', 'MsgPack', 'Avro'];
    await engine.command({ query: 'CREATE TABLE pointstream.formats (id UInt64, name String, numbers Array(Int32)) ENGINE = Memory' });
    const rows = "SELECT number AS id, repeat(concat('é;\\'\"\\n\\0', toString(number)), 3) AS name, range(number % 4)::Array(Int32) AS numbers FROM numbers(1000)";
    const hash = 'SELECT count(), sum(sipHash64(id, name, numbers)) FROM ';
    const expected = (await post(`${hash}(${rows})`)).text;
    for (const format of formats) {
      const answer = await post(`${rows} FORMAT ${format}`);
      t.equal(answer.headers.get('x-clickhouse-format'), format);
      // The head in the URL, and in the body.
      for (const inUrl of [true, false]) {
        await engine.command({ query: 'TRUNCATE TABLE pointstream.formats' });
        const head = `INSERT INTO pointstream.formats (id, name, numbers) FORMAT ${format}\n`;
        const { status, text } = await post(inUrl ? answer.bytes : Buffer.concat([Buffer.from(head), answer.bytes]), { headers: engineHeaders, parameters: inUrl ? { query: head } : {} });
        t.equal(status, 200, text);
        t.equal((await post(`${hash} pointstream.formats`)).text, expected, `${format}, ${inUrl ? 'URL' : 'body'}`);
      }
    }
  });

  t.test('@clickhouse/client: queries, parameters, settings, compression', async (t) => {
    const rows = async (query: string, parameters = {}): Promise<unknown> => (await reader.query({ query, format: 'JSONEachRow', query_params: parameters })).json();
    t.same(await rows('SELECT id FROM pointstream.transactions WHERE name = {name:String}', { name: 'b\t"\'\n;' }), [{ id: '2' }]);
    t.same(await rows('SELECT {n:Nullable(String)} AS n, {l:Array(String)} AS l, {d:DateTime64(3)} AS d', { n: null, l: ["'", '\\'], d: new Date(1) }),
      [{ n: null, l: ["'", '\\'], d: '1970-01-01 00:00:00.001' }]);
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }), async (text) => {
      // Half a surrogate pair has no UTF-8.
      const whole = Buffer.from(text, 'utf8').toString('utf8');
      t.same(await rows('SELECT {text:String} AS text', { text: whole }), [{ text: whole }]);
      const literal = `'${whole.replace(/[\\']/g, '\\$&')}'`;
      if (!whole.includes('\0')) t.same(await rows(`SELECT ${literal} AS text`), [{ text: whole }]);
    }), { seed, numRuns: 30 });
    const set = await reader.query({ query: "SELECT getSetting('max_block_size') AS a, getSetting('max_threads') AS b, getSetting('max_memory_usage') < 1000000000 AS c, getSetting('readonly') AS d", format: 'JSONEachRow',
      clickhouse_settings: { max_block_size: '7', max_threads: 1, max_memory_usage: '9000000000' } });
    t.same(await set.json(), [{ a: '7', b: '1', c: 1, d: '1' }], 'a reader lowers its bounds, but does not raise them');
    const said = "SELECT getSetting('max_block_size') AS a, getSetting('max_threads') AS b, getSetting('max_memory_usage') < 1000000000 AS c, getSetting('readonly') AS d, getSetting('log_comment') LIKE 'x%' AS e";
    t.same(await rows(`${said} SETTINGS max_block_size = 7, max_threads = 1, max_memory_usage = 9000000000, readonly = 0, log_comment = 'x'`), [{ a: '7', b: '1', c: 1, d: '1', e: 0 }], 'also in the text');
    t.notMatch((await post("SELECT getSetting('send_logs_level')", { parameters: { send_logs_level: 'trace' } })).text, /trace/, 'the library would log into the log of the engine');
    t.match(await post('SELECT 1 SETTINGS no_such_setting = 1'), { status: 404, text: /UNKNOWN_SETTING/ });
    t.equal((await post("SELECT * FROM (SELECT 1 AS a) FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 1 -- c")).text, '{"a":1}\n');
    for (const part of ['SELECT * FROM (SELECT 1 SETTINGS max_block_size = 7, max_memory_usage = 9)', 'SELECT 1 SETTINGS `max_threads` = 1 UNION ALL SELECT 2', 'SELECT * FROM (SELECT 1 SETTINGS readonly = 0) SETTINGS max_threads = 1',
      'SELECT * FROM (SELECT * SETTINGS max_block_size, max_threads = 32)']) {
      t.match(await post(part), { status: 500, text: /READONLY/ }, `${part}: what bounds a reader is not taken for a part`);
    }
    t.equal((await post("SELECT * FROM (SELECT getSetting('max_block_size') SETTINGS max_block_size = 7)")).text, '7\n');
    for (const read of ['SELECT count() > 0 FROM system.settings WHERE readonly = 1', 'SELECT count() > 0 FROM system.settings AS settings WHERE readonly = 1 SETTINGS max_threads = 1']) {
      t.equal((await post(read)).text, '1\n', read);
    }

    const compressing = createClient({ url, username: engineUser, password: enginePassword, compression: { request: true, response: true } });
    t.teardown(() => compressing.close());
    const { summary } = await compressing.insert({ table: 'pointstream.transactions', values: Readable.from([{ id: 3, name: 'c' }, { id: 4, name: 'd' }]), format: 'JSONEachRow' });
    t.match(summary, { written_rows: '2' });
    t.same(await (await compressing.query({ query: 'SELECT max(id) AS m FROM pointstream.transactions', format: 'JSONEachRow' })).json(), [{ m: '4' }]);
    const gzip = await new Promise<Buffer[]>((resolve, reject) => request(`${url}/?enable_http_compression=1&query=SELECT+5`, { headers: { 'accept-encoding': 'gzip' } },
      (response) => resolve(response.toArray() as Promise<Buffer[]>)).on('error', reject).end());
    t.equal(gunzipSync(Buffer.concat(gzip)).toString(), '5\n');
    t.equal((await post(gzipSync('SELECT 6'), { headers: { 'content-encoding': 'gzip' } })).text, '6\n');
    t.match((await post('no gzip', { headers: { 'content-encoding': 'gzip' } })).text, /ZLIB_INFLATE_FAILED/);
    t.same(await engine.ping(), { success: true });
    t.equal((await post('SELECT 7', { parameters: { enable_http_compression: '1' }, headers: { 'accept-encoding': 'constructor, __proto__' } })).text, '7\n', 'a name of every object is no encoding');
    t.same(await reader.ping({ select: true }), { success: true });
    const form = createClient({ url, use_multipart_params: true });
    t.teardown(() => form.close());
    t.same(await (await form.query({ query: 'SELECT {a:UInt8} AS a', query_params: { a: 5 }, format: 'JSONEachRow' })).json(), [{ a: 5 }]);
    const long = "'é\\".repeat(40_000), lengths = "SELECT lengthUTF8({a:String}) AS a, lengthUTF8({b:String}) AS b, getSetting('max_query_size') AS c";
    t.same(await (await form.query({ query: lengths, query_params: { a: long, b: long }, format: 'JSONEachRow' })).json(), [{ a: '120000', b: '120000', c: '262144' }], 'parameters are no part of the query');
    t.same(await rows(lengths, { a: 'x'.repeat(150_000), b: 'y'.repeat(150_000) }), [{ a: '150000', b: '150000', c: '262144' }]);
  });

  t.test('compress=1 and decompress=1: blocks of ClickHouse', async (t) => {
    const blocks = async (bytes: Buffer, checked = true): Promise<Buffer> => Buffer.concat(await Readable.from([bytes.subarray(0, 11), bytes.subarray(11)]).pipe(new BlockDecompressor(checked)).toArray() as Buffer[]);
    const large = 'SELECT number, repeat(toString(cityHash64(number)), 3) FROM numbers(60000) FORMAT CSV', plain = await post(large), packed = await post(large, { parameters: { compress: '1' } });
    t.ok(plain.bytes.length > 3 * 2 ** 20 && packed.bytes.length < plain.bytes.length * 0.7, `${plain.bytes.length} bytes, compressed ${packed.bytes.length}`);
    t.ok((await blocks(packed.bytes)).equals(plain.bytes));
    const error = await post('SELECT nothing', { parameters: { compress: '1' } });
    t.match([error.status, error.headers.get('x-clickhouse-exception-code'), (await blocks(error.bytes)).toString()], [404, '47', /^Code: 47\. DB::Exception/]);
    t.match((await blocks((await post("SELECT number, throwIf(number = 900000, 'late') FROM numbers(1000000)", { parameters: { compress: '1' } })).bytes)).toString(), /__exception__[^]*late/);

    await engine.command({ query: 'CREATE TABLE pointstream.packed (id UInt64, name String) ENGINE = Memory' });
    const query = 'INSERT INTO pointstream.packed FORMAT CSV', compressor = new BlockCompressor();
    const rows = Buffer.from((await post('SELECT number, repeat(toString(number), 20) FROM numbers(50000) FORMAT CSV')).bytes);
    const body = Buffer.concat(await Readable.from([rows]).pipe(compressor).toArray() as Buffer[]);
    t.match(await post(body, { headers: engineHeaders, parameters: { query, decompress: '1' } }), { status: 200 });
    t.match(await post(gzipSync(body), { headers: { ...engineHeaders, 'content-encoding': 'gzip' }, parameters: { query, decompress: '1' } }), { status: 200 });
    t.equal(await count('pointstream.packed'), 100_000);
    t.equal((await post(compressedBlock(Buffer.from('SELECT 7')), { parameters: { decompress: '1' } })).text, '7\n');
    t.equal((await post(compressedBlock(Buffer.from('SELECT 8')), { parameters: { decompress: '1', compress: '1' } }).then(({ bytes }) => blocks(bytes))).toString(), '8\n');
    const broken = compressedBlock(Buffer.from('SELECT 7 + 1 + 1 + 1 + 1 + 1 + 1'));
    broken[3]! ^= 1;
    t.match((await post(broken, { parameters: { decompress: '1' } })).text, /^Code: 40\..*CHECKSUM_DOESNT_MATCH/);
    t.equal((await post(broken, { parameters: { decompress: '1', http_native_compression_disable_checksumming_on_decompress: '1' } })).text, '13\n');
    t.match((await post('SELECT 9, and nothing of it is compressed', { parameters: { decompress: '1' } })).text, /^Code: (106|271)\./);
    t.match((await post(body.subarray(0, body.length - 5), { headers: engineHeaders, parameters: { query, decompress: '1' } })).text, /^Code: 33\..*CANNOT_READ_ALL_DATA/);
    t.equal(await count('pointstream.packed'), 100_000, 'nothing of what was cut off');
  });

  t.test('headers of an answer', async (t) => {
    const { headers } = await post('SELECT * FROM numbers(10) FORMAT JSONEachRow', { parameters: { query_id: 'chosen' } });
    t.match(Object.fromEntries(headers), { 'x-clickhouse-query-id': 'chosen', 'x-clickhouse-format': 'JSONEachRow', 'x-clickhouse-timezone': 'UTC', 'content-type': 'application/x-ndjson; charset=UTF-8' });
    t.match(JSON.parse(headers.get('x-clickhouse-summary')!), { read_rows: '10', read_bytes: '80' });
    t.equal((await post('SELECT 1', { parameters: { default_format: 'JSONCompactEachRow' } })).text, '[1]\n');
    t.equal((await post('SELECT currentDatabase()', { parameters: { database: 'pointstream' } })).text, 'pointstream\n');
    t.equal((await post('SELECT currentDatabase()', { headers: { 'x-clickhouse-database': 'pointstream' } })).text, 'pointstream\n');
  });

  t.test('errors have the codes and statuses of a server', async (t) => {
    const cases: [body: string, code: number, status: number][] = [
      ['SELEC 1', 62, 400], ['SELECT 1; SELECT 2', 62, 400], ['', 62, 400], ['SELECT nothing', 47, 404], ['SELECT * FROM nowhere', 60, 404], ['SELECT 1 FORMAT Nonsense', 73, 404],
      ['SELECT {a:UInt8}', 456, 500], ["SELECT * FROM file('x')", 497, 403], ['INSERT INTO pointstream.transactions VALUES (1, 1)', 164, 500], ["SELECT throwIf(1, 'boom')", 395, 500],
      ['SELECT * FROM `package.json`', 60, 404],
    ];
    for (const [body, code, status] of cases) {
      const answer = await post(body);
      t.same([answer.status, Number(answer.headers.get('x-clickhouse-exception-code'))], [status, code], `${body}: ${answer.text}`);
      t.match(answer.text, new RegExp(`^Code: ${code}\\. DB::Exception: `));
    }
    // Positions are those of what was written, and nothing is told of where the rows would have gone.
    const long = `SELECT (${'x'.repeat(100)}`, incomplete: [body: string, said: RegExp][] = [
      ['SELECT (', /position 8 \(\(\) \(line 1, col 8\): \(\. Unmatched parentheses: \(\. \(SYNTAX_ERROR\)/], ['SELECT 1 FROM', /position 14 \(end of query\): \. Expected one of: .*table/],
      ['SELECT 1 x y -- é', /position 12 \(y\) \(line 1, col 12\): y -- é\. Expected one of: /], ['SELECT 1 AS', /position 12 \(end of query\)/], [long, /position 8 .*: \(x{100}\. Unmatched/],
      ['SELECT (1 FORMAT JSON', /position 8 .*: \(1 \. Unmatched|position 8 .*: \(1 FORMAT JSON\. Unmatched/], ['SELECT 1 FORMAT JSON SETTINGS a = )', /position 35.*Unmatched/],
      [`${long}${'x'.repeat(1000)}`, /position 8 .*Unmatched/], ['KILL QUERY WHERE query_id = (', /Unmatched/],
    ];
    for (const [body, said] of incomplete) {
      const { text } = await post(body);
      t.match(text, said);
      t.notMatch(text, /OUTFILE '|\/run\/|APPEND/, body.slice(0, 40));
    }
    t.match((await post('x', { headers: engineHeaders, parameters: { query: 'INSERT INTO pointstream.transactions FORMAT Native' } })).text, /^Code: /);
    t.match((await post('SELECT 1', { parameters: { no_such_setting: '1' } })).text, /UNKNOWN_SETTING/);
    t.match((await post('SELECT 1', { parameters: { "a = '1', readonly": '0' } })).text, /BAD_ARGUMENTS/);
    t.match((await post('SELECT sleepEachRow(0.1) FROM numbers(100)', { parameters: { max_execution_time: '0.2', max_block_size: '1' } })).text, /TIMEOUT_EXCEEDED/);
    await t.rejects(reader.query({ query: 'SELECT nothing' }), { code: '47', type: 'UNKNOWN_IDENTIFIER' });
    const lateQuery = "SELECT number, throwIf(number = 900000, 'late') FROM numbers(1000000) FORMAT JSONEachRow", late = await post(lateQuery);
    const tag = late.headers.get('x-clickhouse-exception-tag')!, block = late.text.slice(late.text.indexOf('\r\n__exception__'));
    const [, message, bytes] = new RegExp(`^\r\n__exception__\r\n${tag}\r\n([^]*\n)(\\d+) ${tag}\r\n__exception__\r\n$`).exec(block) ?? [];
    t.match(message, /^Code: 395\. DB::Exception: late/);
    t.equal(Number(bytes), message?.length);
    // The client cannot always read what the error was, but never takes the rows for all rows.
    await t.rejects((await reader.query({ query: lateQuery.replace(/ FORMAT.*/, ''), format: 'JSONEachRow' })).json());
  });

  t.test('no setting and no name of a format reads or writes files of the machine', async (t) => {
    const secret = join(directory, 'secret'), written = join(directory, 'written');
    writeFileSync(secret, 'not for readers ${x}');
    const tries: [body: string, parameters: Record<string, string>][] = [
      ['SELECT 1 AS x FORMAT Template', { format_template_row: secret }], ['SELECT 1 AS x FORMAT Template', { format_template_resultset: secret }],
      [`SELECT 1 AS x FORMAT Template SETTINGS format_template_row = '${secret}'`, {}], ['SELECT 1 AS x FORMAT Protobuf', { output_format_schema: written }],
    ];
    for (const [body, parameters] of tries) {
      const { status, text } = await post(body, { parameters });
      t.match([status, text], [403, /ACCESS_DENIED/], `${body} ${Object.keys(parameters).join()}`);
      t.notMatch(text, /not for readers/);
    }
    for (const format of [`CSV; SELECT file('${secret}') INTO OUTFILE '${written}'`, 'CSV SETTINGS max_threads = 1', "'CSV'"]) {
      t.match(await post('SELECT 1', { parameters: { default_format: format } }), { status: 404, text: /UNKNOWN_FORMAT/ }, format);
      t.match(await post('SELECT 1', { headers: { 'x-clickhouse-format': format } }), { status: 404, text: /UNKNOWN_FORMAT/ }, format);
    }
    t.notOk(existsSync(written));
    t.equal((await post('SELECT 1 AS x FORMAT Template', { parameters: { format_template_row_format: 'row ${x:CSV}' } })).text, 'row 1');
    // A later library may have more of them: whoever takes it decides about each.
    const harmless = new Set(['column_names_for_schema_inference', 'schema_inference_hints', 'default_view_definer', 'format_template_row_format', 'format_template_resultset_format',
      'format_template_rows_between_delimiter', 'temporary_files_codec', 'trace_profile_events_list', 'local_filesystem_read_method', 'remote_filesystem_read_method']);
    const names = "SELECT name FROM system.settings WHERE type IN ('String', 'URI') AND match(name, 'file|path|url|uri|registry|template|schema|credential|host|command|definer')";
    for (const name of (await post(names)).text.trim().split('\n')) {
      t.equal(/ACCESS_DENIED/.test((await post('SELECT 1', { parameters: { [name]: '' } })).text), !harmless.has(name), name);
    }
  });

  t.test('a heavy SELECT in every place of the readers keeps no insert waiting; KILL and going away end it', async (t) => {
    const heavy = 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)', ids = ['h0', 'h1', 'h2', 'h3'];
    const leaving = new AbortController();
    const ended = ids.map((id, index) => reader.query({ query: heavy, query_id: id, clickhouse_settings: { max_threads: 1 }, ...(index === 3 ? { abort_signal: leaving.signal } : {}) })
      .then(() => 'done', (error: Error) => (error as { type?: string }).type ?? 'aborted'));
    const running = async (): Promise<number> => {
      const answer = await engine.query({ query: "SELECT count() AS n FROM system.processes WHERE query LIKE '%1000000000000)%' AND query NOT LIKE '%processes%'", format: 'JSONEachRow' });
      return Number((await answer.json<{ n: string }>())[0]!.n);
    };
    await eventually(async () => (await running()) === 4, 'four heavy queries run');
    const native = (await fetch(url, { method: 'POST', headers: engineHeaders, body: "SELECT number AS id, toString(number) AS name FROM numbers(100, 1000) FORMAT Native" }).then((answer) => answer.arrayBuffer()));
    const before = 4;
    const insert = async (token: string): Promise<void> => {
      const { stream } = await engine.exec({ query: 'INSERT INTO pointstream.transactions FORMAT Native', values: Readable.from([Buffer.from(native)]), clickhouse_settings: { insert_deduplication_token: token } });
      await stream.resume().toArray();
    };
    await Promise.all([insert('a'), insert('b')]);
    await insert('a');
    const answer = await engine.query({ query: 'SELECT count() AS n FROM pointstream.transactions', format: 'JSONEachRow' });
    t.same(await answer.json(), [{ n: String(before + 2000) }], 'a repeated token adds nothing');
    t.equal(await running(), 4);
    t.match((await post('SELECT 1', { parameters: { query_id: 'h0' } })).text, /QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING/);
    const waiting = post('SELECT 7');
    leaving.abort();
    t.equal((await waiting).text, '7\n', 'the place of who went away is taken by who waited');
    t.match((await post('KILL QUERY WHERE 1) OR (1 SYNC')).text, /SYNTAX_ERROR/, 'not those of others');
    t.match((await post("KILL QUERY WHERE query_id IN ('h0', 'h1') SYNC FORMAT JSONEachRow")).text, /"kill_status":"(finished|waiting)"/);
    await engine.command({ query: "KILL QUERY WHERE query_id = 'h2' SYNC" });
    t.same(await Promise.all(ended), ['QUERY_WAS_CANCELLED', 'QUERY_WAS_CANCELLED', 'QUERY_WAS_CANCELLED', 'aborted']);
    await eventually(async () => (await running()) === 0, 'no heavy query runs');
  });

  t.test('an insert whose client breaks off leaves nothing', async (t) => {
    const rows = await count('pointstream.transactions');
    const half = request(`${url}/?query=${encodeURIComponent('INSERT INTO pointstream.transactions FORMAT TSV')}`, { method: 'POST', headers: { ...engineHeaders, 'content-length': 10_000 } });
    const broken = new Promise((resolve) => half.on('error', resolve).on('close', resolve));
    half.write('7000\twhole row\n', () => half.destroy());
    await broken;
    await engine.command({ query: "INSERT INTO pointstream.transactions VALUES (7001, 'after')" });
    t.equal(await count('pointstream.transactions'), rows + 1);
    t.equal((await post('SELECT count() FROM pointstream.transactions WHERE id = 7000')).text, '0\n');
  });

  t.test('many clients at a time get their own answers', async (t) => {
    const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => post('SELECT {n:UInt32} + sum(number) FROM numbers(1000)', { parameters: { param_n: String(index) } })));
    t.same(answers.map(({ text }) => text), answers.map((_, index) => `${index + 499_500}\n`));
  });
}
