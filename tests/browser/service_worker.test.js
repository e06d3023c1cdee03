// A stream that passes through the page's service worker.  What Chromium loses there is held here, so
// that docs/clients.md stays true, and so is the cure.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import fs from 'node:fs';

import { openBrowser } from './support/engines.js';
import { startFront } from './support/front.js';
import { snippet } from './support/snippets.js';
import { startStage, until } from './support/stage.js';

const root = new URL('../../web/', import.meta.url);
const page = `<!doctype html><html lang="en"><title>worker</title><script type="module">
import { rowcast } from '/rowcast.js';
window.rows = [];
await navigator.serviceWorker.register(location.search.slice(1));
await navigator.serviceWorker.ready;
if (!navigator.serviceWorker.controller) {
    await new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done));
}
window.begin = (kind) => {
    const source = kind === 'native' ? new EventSource('/sse/events') : rowcast('/sse/events', { share: false });
    window.source = source;
    source.addEventListener('tick', (event) => window.rows.push(Number(event.data)));
    source.addEventListener('connected', () => (window.live = true));
};
</script></html>`;
const worker = `
addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
`;

let stage, browser, front, tab;
before(async () => {
    stage = await startStage({
        settings: { heartbeat_interval: 1, retry: 100 },
        files: {
            'worker.html': page,
            'passes.js': `${worker}addEventListener('fetch', (event) => event.respondWith(fetch(event.request)));`,
            'leaves.js': worker + snippet('clients.md', "A page's service worker"),
            'rowcast.js': fs.readFileSync(new URL('rowcast.js', root), 'utf8'),
        },
    });
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await stage?.stop();
});
beforeEach(async () => {
    front = await startFront(stage.url);
});
afterEach(async () => {
    await tab?.close().catch(() => {});
    await front.stop();
});
const idOf = (stream) => stream.headers['last-event-id'] ?? /lastEventId=([^&]*)/.exec(stream.url)?.[1] ?? '';

async function begin(kind, script = 'passes.js') {
    tab = await browser.open(`${front.url}/t/worker.html?${script}`);
    await tab.until(() => !!window.begin);
    await tab.run((which) => window.begin(which), kind);
    await tab.until(() => window.live);
    await stage.insert('tick', '1');
    await tab.until(() => window.rows.length === 1);
}

test('a native EventSource comes back from a clean end, but without its last id', async () => {
    await begin('native');
    front.end();
    await until(() => front.streams.length === 2, 'a second request');
    assert.equal(idOf(front.streams[1]), '');
});

test('a native EventSource is dead after a cut', async () => {
    await begin('native');
    front.cut();
    await tab.until(() => window.source.readyState === 2);
    assert.equal(front.streams.length, 1);
});

for (const ending of ['end', 'cut']) {
    test(`rowcast() loses nothing, however the stream ends: ${ending}`, async () => {
        await begin('rowcast');
        front[ending]();
        await stage.insertMany('tick', 2, 5);
        await tab.until(() => window.rows.length === 5);
        assert.deepEqual(await tab.run(() => window.rows), [1, 2, 3, 4, 5]);
    });
}

for (const ending of ['end', 'cut']) {
    test(`a worker that leaves streams alone changes nothing: ${ending}`, async () => {
        await begin('native', 'leaves.js');
        front[ending]();
        await stage.insertMany('tick', 2, 5);
        await tab.until(() => window.rows.length === 5);
        assert.deepEqual(await tab.run(() => window.rows), [1, 2, 3, 4, 5]);
    });
}
