// The package for npm: what is in it, that it can be installed without a registry, imported and
// used from TypeScript, and that every snippet of its README is right.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { shell, startStage, until } from './support/stage.js';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));
const root = path.resolve(here, '../..');
const tsc = path.join(here, 'node_modules/typescript/bin/tsc');
const manifest = JSON.parse(fs.readFileSync(`${root}/web/package.json`, 'utf8'));
const readme = fs.readFileSync(`${root}/web/README.md`, 'utf8');
const snippets = [...readme.matchAll(/```js\n([^]*?)```/g)].map(([, text]) => text);
let folder, tarball, project;

before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-npm-'));
    project = `${folder}/project`;
    fs.mkdirSync(project);
    fs.writeFileSync(`${project}/package.json`, '{ "name": "empty", "private": true, "type": "module" }\n');
    await run('make', ['-s', 'npm-package', `BUILD=${folder}/build`], { cwd: root });
    tarball = `${folder}/build/npm/rowcast-${manifest.version}.tgz`;
    // No registry can be asked: with none there, a dependency would make it fail.
    const none = ['--offline', '--no-audit', '--no-fund', '--cache', `${folder}/cache`, '--registry', 'http://127.0.0.1:9/'];
    await run('npm', ['install', ...none, tarball], { cwd: project });
    // Beside it what the README says is beside it.
    for (const name of ['eventsource', 'eventsource-parser']) {
        fs.symlinkSync(path.join(here, 'node_modules', name), `${project}/node_modules/${name}`);
    }
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** How many sessions there were: one more when a client without a cookie has a stream. */
const sessions = (db) => shell(`${db}.sessions`, 'SELECT count(*) FROM sessions;').then(Number, () => 0);
const node = async (text) => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', text], { cwd: project });
    return stdout.trim();
};

test('its version is that of the program', async () => {
    const program = path.resolve(root, process.env.ROWCAST_PROGRAM ?? 'build/rowcast.fcgi');
    const { stdout } = await run(program, ['--version']);
    assert.equal(stdout.trim(), `rowcast ${manifest.version}`);
});

test('it has these files and no other', async () => {
    const { stdout } = await run('tar', ['-tzf', tarball]);
    assert.deepEqual(stdout.trim().split('\n').sort(), [
        'package/LICENSE',
        'package/README.md',
        'package/package.json',
        'package/rowcast-fetch.d.ts',
        'package/rowcast-fetch.js',
        'package/rowcast.d.ts',
        'package/rowcast.js',
    ]);
    for (const [packed, original] of [['LICENSE', 'LICENSE'], ['rowcast.js', 'web/rowcast.js']]) {
        const text = fs.readFileSync(`${project}/node_modules/rowcast/${packed}`, 'utf8');
        assert.equal(text, fs.readFileSync(`${root}/${original}`, 'utf8'));
    }
});

test('it depends on nothing, and nothing of it runs when it is installed', () => {
    const installed = fs.readdirSync(`${project}/node_modules`).filter((name) => !name.startsWith('.'));
    assert.deepEqual(installed.sort(), ['eventsource', 'eventsource-parser', 'rowcast']);
    assert.deepEqual(
        ['dependencies', 'peerDependencies', 'optionalDependencies', 'scripts', 'bin'].filter((key) => key in manifest),
        []
    );
});

test('both entries can be imported, and they export this', async () => {
    const names = await node(`
        const a = await import('rowcast');
        const b = await import('rowcast/fetch');
        console.log(JSON.stringify([Object.keys(a).sort(), Object.keys(b).sort()]));`);
    assert.deepEqual(JSON.parse(names), [['rowcast'], ['FetchEventSource', 'eventStreamParser', 'withHeaders']]);
    await assert.rejects(node("await import('rowcast/rowcast-fetch.js')"), /ERR_PACKAGE_PATH_NOT_EXPORTED/);
});

describe('TypeScript', () => {
    const compilerOptions = { strict: true, noEmit: true, target: 'es2022', module: 'nodenext', types: [] };

    /** The numbers of the lines that are refused. */
    const check = async (name, text) => {
        fs.writeFileSync(`${project}/${name}.ts`, text);
        fs.writeFileSync(`${project}/tsconfig.json`, JSON.stringify({ compilerOptions, files: [`${name}.ts`] }));
        const { stdout } = await run(process.execPath, [tsc, '-p', project]).catch((error) => error);
        const lines = stdout.trim().split('\n').filter((line) => line && !line.startsWith(' '));
        return [...new Set(lines.map((line) => Number(/\.ts\((\d+),\d+\): error/.exec(line)?.[1] ?? assert.fail(stdout))))];
    };

    test('accepts what is right', async () => {
        const errors = await check(
            'right',
            `import { rowcast, type RowcastOptions, type RowcastStream } from 'rowcast';
            import { eventStreamParser, FetchEventSource, withHeaders, type ParsedEvent } from 'rowcast/fetch';

            const options: RowcastOptions = { withCredentials: true, share: false, name: 'x', storage: null };
            const stream: RowcastStream = rowcast(new URL('/sse/events', location.href), options);
            stream.onmessage = (event) => { const text: string = event.data + event.lastEventId; void text; };
            stream.ongap = ({ data }) => console.log(JSON.parse(data).reason);
            stream.onreplay = ({ type }) => console.log(type.length);
            stream.onopen = stream.onerror = null;
            stream.addEventListener('update', (event) => console.log(event.data.length), { once: true });
            stream.addEventListener('open', (event) => console.log(event.type));
            const state: 0 | 1 | 2 = stream.readyState;
            const closed: boolean = state === stream.CLOSED;

            rowcast('/sse/events', { EventSource, storage: localStorage });
            rowcast('/sse/events', { EventSource: withHeaders({ headers: { Authorization: 'x' } }) });
            rowcast('/sse/events', { EventSource: withHeaders({ headers: async () => new Headers() }) });
            rowcast('/sse/events', { EventSource: FetchEventSource });
            const source = new FetchEventSource('/sse/events', { headers: () => [['a', 'b']], fetch });
            source.onmessage = (event) => console.log(event.data.length, FetchEventSource.CLOSED);
            const like: EventTarget = source;

            const events: ParsedEvent[] = [];
            const parse = eventStreamParser({ event: (event) => events.push(event), retry: (ms) => ms.toFixed() }, '7');
            parse(new Uint8Array(1));
            source.close();
            stream.close();
            void [closed, like];
            `
        );
        assert.deepEqual(errors, []);
    });

    test('refuses what is wrong, each line of it', async () => {
        const lines = [
            'rowcast();',
            "rowcast('/sse/events', { shared: true });",
            "rowcast('/sse/events', { storage: {} });",
            "rowcast('/sse/events', { EventSource: class {} });",
            "rowcast('/sse/events').onmessage = (event: number) => {};",
            "rowcast('/sse/events').lastEventId = '';",
            "withHeaders({ header: { a: 'b' } });",
            'withHeaders({ headers: () => 7 });',
            "new FetchEventSource('/sse/events').readyState = 2;",
            "new FetchEventSource('/sse/events').onmessage = (event) => event.data.push(1);",
            'eventStreamParser({});',
            "eventStreamParser({ event() {} })('text');",
        ];
        const imports = "import { rowcast } from 'rowcast'; import { eventStreamParser, FetchEventSource, withHeaders } from 'rowcast/fetch';";
        const errors = await check('wrong', [imports, ...lines].join('\n'));
        assert.deepEqual(errors, lines.map((_, i) => i + 2));
    });
});

describe('the README', () => {
    let stage;
    before(async () => {
        stage = await startStage({ settings: { heartbeat_interval: 1, retry: 100 } });
    });
    after(() => stage?.stop());

    test('has its snippets', () => assert.equal(snippets.length, 6));

    for (const [i, snippet] of snippets.entries()) {
        test(`snippet ${i + 1} prints a row: ${/^const .*/m.exec(snippet)[0]}`, async () => {
            // In Node, addresses are absolute, and the browser's EventSource is another.
            const text = snippet
                .replaceAll("'/sse/events", `'${stage.url}/sse/events`)
                .replaceAll('http://127.0.0.1:8080', stage.url);
            const file = `${project}/snippet-${i}.js`;
            const browsers = "import { EventSource } from 'eventsource';\nglobalThis.EventSource = EventSource;\n";
            fs.writeFileSync(file, /EventSource[,: ]|fetch\(/.test(text) ? text : browsers + text);
            const streams = await sessions(stage.db);
            const ended = new AbortController();
            const child = execFile(process.execPath, [file], { cwd: project, signal: ended.signal });
            let printed = '';
            const done = new Promise((resolve, reject) => {
                const limit = setTimeout(() => reject(new Error(`printed: ${printed}`)), 20000);
                const more = (output) => {
                    printed += output;
                    if (printed.includes(`row ${i}`)) {
                        clearTimeout(limit);
                        resolve();
                    }
                };
                child.stdout.on('data', more);
                child.stderr.on('data', more);
                child.on('exit', (code) => code && reject(new Error(`exit ${code}: ${printed}`)));
                child.on('error', () => {}); // it is ended below
            });
            // A stream without a place begins now: the row must not come before it.
            const open = until(async () => (await sessions(stage.db)) > streams, 'a stream');
            await Promise.race([done, open]);
            await stage.insert('message', `{"text":"row ${i}"}`);
            await done.finally(() => ended.abort());
            assert.match(printed, new RegExp(`row ${i}`));
        });
    }
});
