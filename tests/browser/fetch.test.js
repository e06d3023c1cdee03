// rowcast-fetch.js: its EventSource against a server that does what it is told.  Its parser is in
// parser.test.js, real browsers are in fetch_browser.test.js.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import { afterEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { FetchEventSource, withHeaders } from '../../web/rowcast-fetch.js';
import { until } from './support/stage.js';

const MODULE = fileURLToPath(new URL('../../web/rowcast-fetch.js', import.meta.url));
const MOST_BYTES = 2400;

test(`minified it is at most ${MOST_BYTES} bytes, as its README says`, () => {
    const minified = execFileSync('esbuild', ['--minify', '--target=es2021', MODULE]);
    assert.ok(minified.length <= MOST_BYTES, `${minified.length} bytes`);
    const readme = fs.readFileSync(new URL('../../web/README.md', import.meta.url), 'utf8');
    assert.ok(readme.includes(MOST_BYTES.toLocaleString('en-US')), 'the README states the bound');
});

// What a test that fails leaves behind would keep the program running.
const opened = [];
const keep = (end) => opened.push(end) && end;

// A server whose answer to each request is the next of the list; the last one is for all further.
async function serve(...answers) {
    const requests = [];
    const server = http.createServer((request, response) => {
        requests.push({ url: request.url, headers: request.headers });
        (answers.length > 1 ? answers.shift() : answers[0])(response, request);
    });
    await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
    return {
        url: `http://127.0.0.1:${server.address().port}/`,
        requests,
        stop: keep(() => {
            server.close();
            server.closeAllConnections();
        }),
    };
}
const stream = (text, { type = 'text/event-stream', end = false, cut = false, status = 200 } = {}) => (response) => {
    response.writeHead(status, type ? { 'Content-Type': type } : {});
    response.flushHeaders();
    response.write(text, () => cut && response.destroy());
    end && response.end();
};

/** An EventSource and what it said: ['open'], ['message', data, id]. */
function listen(url, options, types = []) {
    const source = new FetchEventSource(url, options);
    keep(() => source.close());
    const said = [];
    source.onopen = () => said.push(['open', source.readyState]);
    source.onerror = () => said.push(['error', source.readyState]);
    for (const type of ['message', ...types]) {
        source.addEventListener(type, (e) => said.push([e.type, e.data, e.lastEventId]));
    }
    return { source, said, has: (n) => until(() => said.length >= n, `${n} of ${JSON.stringify(said)}`) };
}

afterEach(() => opened.splice(0).forEach((end) => end()));

test('has the shape of one', async () => {
    const server = await serve(stream('data: a\n\n'));
    const { source, has } = listen(server.url, { withCredentials: true });
    const origins = [];
    source.onmessage = function (event) {
        origins.push([event instanceof MessageEvent, event.origin, this === source, event.bubbles]);
    };
    assert.equal(source.readyState, FetchEventSource.CONNECTING);
    await has(2);
    assert.deepEqual(origins, [[true, server.url.slice(0, -1), true, false]]);
    assert.ok(source instanceof EventTarget);
    assert.deepEqual([source.CONNECTING, source.OPEN, source.CLOSED], [0, 1, 2]);
    assert.deepEqual([FetchEventSource.CONNECTING, FetchEventSource.OPEN, FetchEventSource.CLOSED], [0, 1, 2]);
    assert.equal(source.readyState, 1);
    assert.equal(source.url, server.url);
    assert.equal(source.withCredentials, true);
    source.close();
    const other = new FetchEventSource(server.url);
    other.close();
    assert.deepEqual([other.onopen, other.onmessage, other.onerror], [null, null, null]);
    assert.equal(other.withCredentials, false);
    assert.equal(source.readyState, 2);
    assert.throws(() => new FetchEventSource('http://['), { name: 'SyntaxError' });
    server.stop();
});

test('asks as one, with headers of its own', async () => {
    const server = await serve(stream(''));
    const { source, has } = listen(new URL('?a=1', server.url), { headers: { Authorization: 'Bearer x', 'X-B': '2' } });
    await has(1);
    const [{ url, headers }] = server.requests;
    assert.equal(url, '/?a=1');
    assert.equal(headers.accept, 'text/event-stream');
    assert.equal(headers.authorization, 'Bearer x');
    assert.equal(headers['x-b'], '2');
    assert.match(headers['cache-control'] + headers.pragma, /no-(store|cache)/);
    assert.equal(headers['last-event-id'], undefined);
    source.close();
    server.stop();
});

for (const [name, answer] of [
    ['204', (r) => r.writeHead(204).end()],
    ['503', stream('data: a\n\n', { status: 503 })],
    ['401', stream('data: a\n\n', { status: 401 })],
    ['206', stream('data: a\n\n', { status: 206 })],
    ['text/html', stream('data: a\n\n', { type: 'text/html' })],
    ['text/event-streams', stream('data: a\n\n', { type: 'text/event-streams' })],
    ['no content type', stream('data: a\n\n', { type: null })],
]) {
    test(`is closed for good by ${name}`, async () => {
        const server = await serve(answer);
        const { source, said, has } = listen(server.url);
        await has(1);
        assert.deepEqual(said, [['error', 2]]);
        assert.equal(source.readyState, 2);
        assert.equal(server.requests.length, 1);
        server.stop();
    });
}

for (const type of ['text/event-stream;charset=utf-8', 'TEXT/Event-Stream', 'text/event-stream ; x=y']) {
    test(`takes ${type}`, async () => {
        const server = await serve(stream('data: a\n\n', { type }));
        const { source, said, has } = listen(server.url);
        await has(2);
        assert.deepEqual(said, [['open', 1], ['message', 'a', '']]);
        source.close();
        server.stop();
    });
}

test('follows a redirect, and goes to the first address again', async () => {
    const there = await serve(stream('retry: 10\nid: 1\ndata: a\n\n', { end: true }), stream('data: b\n\n'));
    const here = await serve((r) => r.writeHead(307, { Location: there.url }).end());
    const { source, said, has } = listen(here.url);
    const origins = new Set();
    source.onmessage = (event) => origins.add(event.origin);
    await has(5);
    assert.deepEqual(said.map(([type, data]) => data ?? type), [1, 'a', 0, 1, 'b']);
    assert.deepEqual([...origins], [there.url.slice(0, -1)]);
    assert.equal(source.url, here.url);
    assert.equal(here.requests.length, 2);
    source.close();
    here.stop();
    there.stop();
});

test('comes back after an end and after a cut, with its last event id', async () => {
    const server = await serve(
        stream('retry: 10\n\nid: 1\ndata: a\n\nid: 2\n\ndata: half', { end: true }),
        stream('data: b\n\nid: ü\ndata: c\n\nid: 4\ndata: half', { cut: true }),
        stream('id:\ndata: d\n\n', { end: true }),
        stream('data: e\n\n')
    );
    const { source, said, has } = listen(server.url);
    await has(12);
    assert.deepEqual(said, [
        ['open', 1], ['message', 'a', '1'], ['error', 0],
        ['open', 1], ['message', 'b', '2'], ['message', 'c', 'ü'], ['error', 0],
        ['open', 1], ['message', 'd', ''], ['error', 0],
        ['open', 1], ['message', 'e', ''],
    ]);
    const ids = server.requests.map(({ headers }) => headers['last-event-id']);
    assert.equal(Buffer.from(ids[2], 'latin1').toString(), 'ü');
    ids[2] = 'ü';
    assert.deepEqual(ids, [undefined, '2', 'ü', undefined]);
    source.close();
    server.stop();
});

test('is connecting while the network fails, and comes back', async () => {
    const server = await serve(stream('retry: 10\nid: 1\ndata: a\n\n', { end: true }), (r) => r.destroy(), (r) => r.destroy(), stream('data: b\n\n'));
    const { source, said, has } = listen(server.url);
    await has(7);
    assert.deepEqual(said.map(([type, data]) => (type === 'error' ? data : type)), ['open', 'message', 0, 0, 0, 'open', 'message']);
    assert.deepEqual(server.requests.map(({ headers }) => headers['last-event-id']), [undefined, '1', '1', '1']);
    source.close();
    server.stop();
});

test('waits as long as retry says, and no timer runs over', async () => {
    const server = await serve(stream('retry: 99999999999999999999\n\n', { end: true }));
    const { source, said, has } = listen(server.url);
    await has(2);
    await new Promise((next) => setTimeout(next, 50));
    assert.deepEqual(said, [['open', 1], ['error', 0]]);
    assert.equal(server.requests.length, 1);
    source.close();
    server.stop();
});

test('asks a function for headers anew at each connection', async () => {
    const server = await serve(stream('retry: 10\n\n', { end: true }), stream('', { end: true }), stream('data: a\n\n'));
    let n = 0;
    const { source, has } = listen(server.url, { headers: async () => new Headers({ Authorization: `Bearer ${++n}` }) });
    await has(6);
    assert.deepEqual(server.requests.map(({ headers }) => headers.authorization), ['Bearer 1', 'Bearer 2', 'Bearer 3']);
    source.close();
    server.stop();
});

test('takes a function for headers that fails as a network that fails', async () => {
    const server = await serve(stream('retry: 10\n\n', { end: true }), stream('data: a\n\n'));
    let n = 0;
    const { source, said, has } = listen(server.url, {
        headers: () => {
            if (++n === 2) {
                throw new Error('no token now');
            }
            return {};
        },
    });
    await has(5);
    assert.deepEqual(said.map(([type]) => type), ['open', 'error', 'error', 'open', 'message']);
    assert.equal(server.requests.length, 2);
    source.close();
    server.stop();
});

test('tells of a failure at once only when somebody can listen', async () => {
    const { said, has } = listen('http://127.0.0.1:9/', {
        headers: () => {
            throw new Error('no token');
        },
    });
    await has(1);
    assert.deepEqual(said, [['error', 0]]);
});

test('lets go of an answer that it does not take', async () => {
    let gone;
    const closed = new Promise((resolve) => (gone = resolve));
    const server = await serve((response) => {
        response.on('close', gone);
        stream('data: a\n\n', { status: 503 })(response);
    });
    await listen(server.url).has(1);
    await closed;
});

test('says nothing after close(), not even of what is here already', async () => {
    let gone;
    const closed = new Promise((resolve) => (gone = resolve));
    const server = await serve((response) => {
        response.on('close', gone);
        stream('data: a\n\ndata: b\n\n')(response);
    });
    const { source, said } = listen(server.url);
    source.addEventListener('message', () => source.close());
    await closed;
    assert.deepEqual(said, [['open', 1], ['message', 'a', '']]);
    assert.equal(source.readyState, 2);
    server.stop();
});

test('makes no request when it is closed at once', async () => {
    const server = await serve(stream('data: a\n\n'));
    const { source, said } = listen(server.url);
    source.close();
    const other = listen(server.url);
    await other.has(2);
    assert.equal(server.requests.length, 1);
    assert.deepEqual(said, []);
    other.source.close();
    server.stop();
});

test('uses another fetch', async () => {
    const asked = [];
    const { source, said, has } = listen('http://rowcast.example/x', {
        withCredentials: true,
        fetch: async (url, init) => {
            asked.push([url, init.credentials, init.redirect, init.cache]);
            return new Response('data: a\n\n', { headers: { 'Content-Type': 'text/event-stream' } });
        },
    });
    await has(3);
    assert.deepEqual(asked, [['http://rowcast.example/x', 'include', 'follow', 'no-store']]);
    assert.deepEqual(said, [['open', 1], ['message', 'a', ''], ['error', 0]]);
    source.close();
});

test('withHeaders() has its options already, and the constants', async () => {
    const server = await serve(stream(''));
    const Source = withHeaders({ headers: { 'X-A': '1' }, withCredentials: true });
    const source = new Source(server.url, { withCredentials: undefined });
    await new Promise((resolve) => (source.onopen = resolve));
    assert.equal(server.requests[0].headers['x-a'], '1');
    assert.ok(source instanceof FetchEventSource);
    assert.equal(source.withCredentials, true);
    const other = new Source(server.url, { withCredentials: false });
    other.close();
    assert.equal(other.withCredentials, false);
    assert.equal(Source.OPEN, 1);
    source.close();
    server.stop();
});
