// What other people's clients do outside a browser: npm's `eventsource`, Python's standard library,
// curl.  What is run is the snippets of docs/clients.md.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { startFront } from './support/front.js';
import { snippet } from './support/snippets.js';
import { startStage, until } from './support/stage.js';

const modules = new URL('./node_modules', import.meta.url).pathname;
const programs = {
    eventsource: {
        file: 'client.mjs',
        text:
            'const address = process.argv[2], show = (data) => console.log("update", data);\n' +
            'const reload = (data) => console.log("gap", data);\n' +
            snippet('clients.md', 'eventsource'),
        command: (file, address) => ['node', [file, address]],
    },
    Python: {
        file: 'client.py',
        text: snippet('clients.md', 'Python'),
        command: (file, address) => ['python3', [file, address]],
    },
    curl: {
        file: 'client.sh',
        text: snippet('clients.md', 'curl'),
        command: (file, address) => ['bash', [file], { ADDRESS: address }],
    },
};

let stage, folder;
before(async () => {
    stage = await startStage({ settings: { retry: 100 } });
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-clients-'));
    fs.symlinkSync(modules, `${folder}/node_modules`);
});
after(async () => {
    await stage?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
});

// Runs the client in a process group of its own, which goes with it.
async function on(name, use) {
    const front = await startFront(stage.url);
    const { file, text, command } = programs[name];
    const home = fs.mkdtempSync(`${folder}/run-`);
    fs.writeFileSync(`${home}/${file}`, text);
    const [program, argv, variables] = command(`${home}/${file}`, `${front.url}/sse/events`);
    const child = spawn(program, argv, {
        cwd: home,
        env: { ...process.env, ...variables },
        detached: true,
        stdio: ['ignore', 'pipe', 'inherit'],
    });
    const client = { front, child, lines: [] };
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (more) => {
        const lines = (rest + more).split('\n');
        rest = lines.pop();
        client.lines.push(...lines);
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
        await until(() => front.streams.some((s) => s.status === 200), 'a stream');
        await use(client);
    } finally {
        try {
            process.kill(-child.pid, 'SIGKILL');
        } catch {
            // It has ended.
        }
        await ended;
        await front.stop();
    }
}
const rows = ({ lines }) => lines.filter((l) => / ?update /.test(l)).map((l) => Number(l.split(' ').at(-1)));
const gaps = ({ lines }) => lines.filter((l) => l.includes('"reason"'));
const has = (client, n) => until(() => rows(client).includes(n), `row ${n}, in ${client.lines}`);
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const refused = ({ front }) => until(() => front.streams.some((s) => s.status === 503), 'a refusal');

for (const name of Object.keys(programs)) {
    test(`${name}: rows arrive; after a cut, a kill and a restart what was missed comes once`, () =>
        on(name, async (client) => {
            // Its first row is one that was inserted after it was let in.
            await stage.sql("INSERT INTO events(type, data) VALUES ('update', 1);");
            await has(client, 1);
            client.front.cut();
            await stage.insertMany('update', 2, 10);
            await has(client, 10);
            await stage.killResponder();
            await stage.insertMany('update', 11, 20);
            await has(client, 20);
            await stage.stopServer();
            await stage.insertMany('update', 21, 30);
            await stage.startServer();
            await has(client, 30);
            assert.deepEqual(rows(client), numbers(1, 30));
        }));
}

for (const name of ['Python', 'curl']) {
    test(`${name}: after a 503 it comes back, and is told of a gap`, () =>
        on(name, async (client) => {
            await stage.insertMany('update', 1, 3);
            await has(client, 3);
            client.front.refuse(true);
            client.front.cut();
            await refused(client);
            await stage.insertMany('update', 4, 6);
            client.front.refuse(false);
            await has(client, 6);
            assert.deepEqual(gaps(client), []);

            client.front.refuse(true);
            client.front.cut();
            await until(() => client.front.open() === 0, 'the cut');
            await stage.insertMany('update', 7, 9);
            await stage.sql('DELETE FROM events WHERE id < (SELECT max(id) FROM events);');
            client.front.refuse(false);
            await has(client, 9);
            assert.deepEqual(rows(client), [...numbers(1, 6), 9]);
            assert.equal(gaps(client).length, 1);
            assert.match(gaps(client)[0], /"reason":"trimmed"/);
        }));
}

test('eventsource: after a 503 it is dead', () =>
    on('eventsource', async (client) => {
        const ended = new Promise((resolve) => client.child.once('exit', resolve));
        await stage.insertMany('update', 1, 3);
        await has(client, 3);
        client.front.refuse(true);
        client.front.cut();
        await ended; // nothing is left that could keep it
        assert.equal(client.front.streams.filter((s) => s.status === 503).length, 1);
    }));
