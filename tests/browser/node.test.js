// rowcast.js in Node: over npm's `eventsource`, which has a parser and a reconnection of its own,
// and over rowcast-fetch.js.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { EventSource } from 'eventsource';

import { withHeaders } from '../../web/rowcast-fetch.js';
import { rowcast } from '../../web/rowcast.js';
import { startFront } from './support/front.js';
import { startStage, until } from './support/stage.js';

const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
let stage, front, streams;

before(async () => {
    stage = await startStage({ settings: { heartbeat_interval: 1, retry: 100 } });
});
after(() => stage?.stop());
beforeEach(async () => {
    front = await startFront(stage.url);
    streams = [];
});
afterEach(async () => {
    streams.forEach((stream) => stream.close());
    await front.stop();
});

function follow(options) {
    const stream = rowcast(`${front.url}/sse/events`, options);
    const said = { rows: [], lives: 0, errors: 0 };
    stream.onerror = () => said.errors++;
    stream.addEventListener('connected', () => said.lives++);
    stream.addEventListener('tick', (event) => said.rows.push(Number(event.data)));
    streams.push(stream);
    return {
        stream,
        said,
        live: (n = 1) => until(() => said.lives >= n, `connected ${n} times`),
        count: (n) => until(() => said.rows.length >= n, `${n} rows`),
    };
}

const KINDS = { "npm's eventsource": { EventSource }, 'rowcast-fetch.js': { EventSource: withHeaders({}) } };

for (const [kind, options] of Object.entries(KINDS)) {
    test(`${kind}: rows arrive, and none is lost or repeated when the responder is killed`, async () => {
        const { stream, said, live, count } = follow(options);
        await live();
        await stage.insertMany('tick', 1, 50);
        await count(50);
        await stage.killResponder();
        await stage.insertMany('tick', 51, 100);
        await live(2);
        await stage.insertMany('tick', 101, 150);
        await count(150);
        assert.deepEqual(said.rows, numbers(1, 150));
        assert.equal(stream.readyState, stream.OPEN);
        assert.match(stream.lastEventId, /^[0-9a-f]{8}-\d+$/);
    });

    test(`${kind}: a server that answers 503 for a while loses nothing`, async () => {
        const { said, live, count } = follow(options);
        await live();
        await stage.insertMany('tick', 1, 10);
        await count(10);
        front.refuse(true);
        front.cut();
        await stage.insertMany('tick', 11, 20);
        await until(() => front.streams.filter(({ status }) => status === 503).length >= 2, 'two refusals');
        front.refuse(false);
        await live(2);
        await stage.insertMany('tick', 21, 30);
        await count(30);
        assert.deepEqual(said.rows, numbers(1, 30));
    });

    test(`${kind}: a stream that falls silent is opened anew, without loss`, async () => {
        const { said, live, count } = follow(options);
        await live();
        await stage.insertMany('tick', 1, 10);
        await count(10);
        front.mute();
        await stage.insertMany('tick', 11, 20);
        await count(20);
        assert.deepEqual(said.rows, numbers(1, 20));
    });
}

test('a place that is kept in a file: another process goes on there', async () => {
    const place = `${stage.folder}/place`;
    const script = `
        import fs from 'node:fs';
        import { EventSource } from 'eventsource';
        import { rowcast } from ${JSON.stringify(new URL('../../web/rowcast.js', import.meta.url).href)};
        const [url, file, rows] = process.argv.slice(1);
        const storage = {
            getItem: () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null),
            setItem: (key, value) => fs.writeFileSync(file, value),
        };
        let left = Number(rows);
        const stream = rowcast(url, { EventSource, storage });
        stream.addEventListener('connected', () => console.log('connected'));
        stream.addEventListener('tick', ({ data }) => {
            console.log(data);
            // It ends after the event, when the place has been kept.
            --left || setTimeout(() => stream.close());
        });`;
    const run = (rows, onConnected) =>
        new Promise((resolve, reject) => {
            const url = `${front.url}/sse/events`;
            const child = spawn(process.execPath, ['--input-type=module', '-e', script, url, place, rows], {
                cwd: new URL('.', import.meta.url), // where 'eventsource' is found
            });
            let out = '';
            let err = '';
            child.stderr.on('data', (text) => (err += text));
            child.stdout.on('data', (text) => {
                const before = out;
                out += text;
                if (!before.includes('connected') && out.includes('connected')) {
                    onConnected?.().catch(reject);
                }
            });
            child.on('error', reject);
            child.on('close', (code) => {
                const lines = out.split('\n').filter((line) => /^\d+$/.test(line));
                code === 0 ? resolve(lines.map(Number)) : reject(new Error(`exit ${code}: ${out}${err}`));
            });
        });
    assert.deepEqual(await run(10, () => stage.insertMany('tick', 1, 10)), numbers(1, 10));
    assert.match(fs.readFileSync(place, 'utf8'), /^[0-9a-f]{8}-\d+$/);
    await stage.insertMany('tick', 11, 20);
    assert.deepEqual(await run(10), numbers(11, 20));
    assert.match(front.streams.at(-1).url, /lastEventId=/);
});
