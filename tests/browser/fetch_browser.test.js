// rowcast-fetch.js in a real browser, behind a real lighttpd.
// Engines: chromium firefox webkit
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser } from './support/engines.js';
import { startFront } from './support/front.js';
import { startStage } from './support/stage.js';

const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
let stage, browser, front;

const PAGE = `
    import { rowcast } from '/rowcast.js';
    import { FetchEventSource, withHeaders } from '/rowcast-fetch.js';
    const said = (window.said = { rows: [], opens: 0, errors: 0, live: 0, asked: 0 });
    window.follow = (kind) => {
        const headers = async () => ({ Authorization: 'Bearer ' + ++said.asked });
        const stream = (window.stream = kind === 'rowcast'
            ? rowcast('/sse/events', { EventSource: withHeaders({ headers }) })
            : new FetchEventSource('/sse/events', { headers }));
        stream.onopen = () => said.opens++;
        stream.onerror = () => said.errors++;
        stream.addEventListener('connected', () => said.live++);
        stream.addEventListener('tick', (event) => said.rows.push(Number(event.data)));
    };
    window.ready = true;`;

before(async () => {
    stage = await startStage({
        settings: { heartbeat_interval: 1, retry: 100 },
        files: {
            'fetch.mjs.js': PAGE,
            'fetch.html': '<!doctype html><title>fetch</title><script type="module" src="fetch.mjs.js"></script>',
        },
    });
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await stage?.stop();
});

// Each test has an origin of its own, so that no session or place comes from another one.  The front
// is what stands before many applications: no stream without a token that is good.
async function open(kind, isGood = (token) => /^Bearer \d+$/.test(token)) {
    front = await startFront(stage.url);
    front.check = ({ headers }) => !isGood(headers.authorization) && 401;
    const page = await browser.open(`${front.url}/t/fetch.html`);
    await page.until(() => window.ready);
    await page.run((k) => window.follow(k), kind);
    return page;
}
async function close(page) {
    await page.close();
    await front.stop();
}
const live = (page, n = 1) => page.until((times) => window.said.live >= times, n);
const count = (page, n) => page.until((wanted) => window.said.rows.length >= wanted, n);

for (const kind of ['FetchEventSource', 'rowcast']) {
    test(`${kind}: rows arrive, and none is lost or repeated when the responder is killed`, async () => {
        const page = await open(kind);
        await live(page);
        await stage.insertMany('tick', 1, 50);
        await count(page, 50);
        await stage.killResponder();
        await stage.insertMany('tick', 51, 100);
        await live(page, 2);
        await stage.insertMany('tick', 101, 150);
        await count(page, 150);
        await page.run(() => window.stream.close());
        assert.deepEqual(await page.run(() => window.said.rows), numbers(1, 150));
        const tokens = front.streams.map(({ headers }) => headers.authorization);
        assert.deepEqual(tokens, tokens.map((_, i) => `Bearer ${i + 1}`));
        assert.ok(tokens.length >= 2);
        await close(page);
    });
}

test('FetchEventSource: a token that is refused closes it', async () => {
    const page = await open('FetchEventSource', () => false);
    await page.until(() => window.said.errors > 0);
    assert.deepEqual(await page.run(() => [window.stream.readyState, window.said.opens]), [2, 0]);
    assert.deepEqual(front.streams.map(({ status }) => status), [401]);
    await close(page);
});

test('rowcast: a token that is refused is asked for anew, until one is good', async () => {
    const page = await open('rowcast', (token) => token === 'Bearer 3');
    await live(page);
    await stage.insertMany('tick', 1, 3);
    await count(page, 3);
    assert.deepEqual(await page.run(() => window.said.rows), [1, 2, 3]);
    assert.deepEqual(front.streams.map(({ status }) => status), [401, 401, 200]);
    await close(page);
});
