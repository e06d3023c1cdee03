// rowcast.js in a real browser, behind a real lighttpd and a front that misbehaves.  Several tabs are in
// rowcast_tabs.test.js.
// Engines: chromium firefox webkit
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { EVENTS, count, follow, live, numbers, on, openIdle, rows, said } from './support/followed.js';
import { until } from './support/stage.js';

test('minified it is at most 3,000 bytes', () => {
    const { size } = fs.statSync(new URL('../../build/web/rowcast.min.js', import.meta.url));
    assert.ok(size > 1000 && size <= 3000, `${size} bytes`);
});

test('it has the shape of an EventSource, and rows arrive', async () => {
    const page = await follow();
    await live(page);
    await on.stage.insert('tick', '1');
    await on.stage.insert('message', '2');
    await count(page, 2);
    assert.deepEqual(await rows(page), [1, 2]);
    const shape = await page.run(() => ({
        state: window.stream.readyState,
        open: window.stream.OPEN,
        url: window.stream.url,
        id: window.stream.lastEventId,
        isTarget: window.stream instanceof EventTarget,
    }));
    assert.equal(shape.state, 1);
    assert.equal(shape.open, 1);
    assert.equal(shape.url, on.front.url + EVENTS);
    assert.match(shape.id, /^[0-9a-f]{8}-\d+$/);
    assert.ok(shape.isTarget);
    await page.run(() => window.stream.close());
    assert.equal(await page.run(() => window.stream.readyState), 2);
    await until(() => on.front.open() === 0, 'its connection to end');
});

test('after 503 for 5 s it is back, where a native EventSource is dead, and has every row once', async () => {
    const page = await follow();
    await live(page);
    await page.run((url) => {
        window.native = new EventSource(url);
    }, EVENTS);
    await page.until(() => window.native.readyState === 1);
    on.front.refuse(true);
    const began = Date.now();
    on.front.cut();
    await on.stage.insertMany('tick', 1, 50);
    await until(() => Date.now() - began > 5000, '5 s');
    assert.equal(await page.run(() => window.native.readyState), 2);
    assert.equal(await page.run(() => window.stream.readyState), 0);
    const tries = on.front.streams.filter((s) => s.status === 503).length;
    assert.ok(tries >= 2 && tries < 100, `${tries} tries`);
    on.front.refuse(false);
    await on.stage.insertMany('tick', 51, 60);
    await count(page, 60);
    assert.deepEqual(await rows(page), numbers(1, 60));
});

test('it comes back at once when the network does', async () => {
    const page = await follow();
    await live(page);
    on.front.refuse(true);
    on.front.cut();
    await until(() => on.front.streams.filter((s) => s.status === 503).length >= 3, 'three refusals');
    on.front.refuse(false);
    // The next try by itself may be many seconds away.
    const before = on.front.streams.length;
    await page.run(() => window.dispatchEvent(new Event('online')));
    await until(() => on.front.streams.length > before, 'a try');
    await on.stage.insert('tick', '1');
    await count(page, 1);
});

test('a reload resumes where the tab was, although the cookie is gone', async () => {
    const page = await follow();
    await live(page);
    await on.stage.insertMany('tick', 1, 10);
    await count(page, 10);
    const reloading = page.reload();
    await on.stage.insertMany('tick', 11, 30);
    await reloading;
    await live(page);
    await on.stage.insert('tick', 31);
    await page.until(() => window.said.rows.at(-1) === '31');
    const all = await page.run(() => sessionStorage.rows);
    assert.deepEqual(all.trim().split(' ').map(Number), numbers(1, 31));
    assert.deepEqual((await said(page)).gaps, []);
    const asked = on.front.streams.at(-1).url;
    assert.match(asked, /lastEventId=[0-9a-f]{8}-\d+/);
});

test('the back button brings a tab back to where it was', async () => {
    const page = await follow();
    await live(page);
    await on.stage.insertMany('tick', 1, 10);
    await count(page, 10);
    await page.run(() => {
        setTimeout(() => (location.href = '/t/blank.html'));
    });
    await page.until(() => location.pathname === '/t/blank.html');
    await on.stage.insertMany('tick', 11, 20);
    await page.run(() => {
        setTimeout(() => history.back());
    });
    await page.until(() => location.pathname === '/t/follow.html');
    await on.stage.insert('tick', '21');
    await page.until(() => window.said?.rows.at(-1) === '21');
    const all = await page.run(() => sessionStorage.rows);
    assert.deepEqual(all.trim().split(' ').map(Number), numbers(1, 21));
});

test('what was missed is announced by onreplay', async () => {
    const page = await follow();
    await live(page);
    await on.stage.insert('tick', '1');
    await count(page, 1);
    on.front.refuse(true);
    on.front.cut();
    await until(() => on.front.streams.at(-1).status === 503, 'a refusal');
    await on.stage.insert('tick', '2');
    on.front.refuse(false);
    await count(page, 2);
    await page.until(() => window.said.replays.length === 2);
    assert.deepEqual((await said(page)).replays, ['replay-start', 'replay-end']);
});

test('a gap is told, and moves the place', async () => {
    const page = await follow(`${EVENTS}?lastEventId=00000000-7`);
    await page.until(() => window.said?.gaps.length > 0);
    assert.deepEqual((await said(page)).gaps, ['epoch']);
    await on.stage.insert('tick', '1');
    await count(page, 1);
    assert.equal(await page.run(() => window.stream.lastEventId), (await said(page)).ids[0]);
});

test('a server that goes mute is left for a new connection', async () => {
    const page = await follow();
    await live(page);
    await on.stage.insert('tick', '1');
    await count(page, 1);
    on.front.mute();
    await on.stage.insertMany('tick', 2, 9);
    await count(page, 9);
    assert.deepEqual(await rows(page), numbers(1, 9));
    assert.equal(on.front.streams.length, 2);
});

test('an event that was had is dropped by its id, one without an id never is', async () => {
    let connections = 0;
    on.front.answer = (request, response) => {
        const row = (n) => `data: ${n}\nid: 5f2a91c0-${n}\n\n`;
        connections++;
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        response.write('event: connected\ndata: {"heartbeat":15}\n\ndata: none\n\n');
        response.write(`${row(1)}data: none\n\n${row(2)}${row(9)}`);
        if (connections === 1) {
            response.end('retry: 100\n\n');
        } else {
            response.write(`${row(10)}data: end\n\n`);
        }
    };
    const page = await follow();
    await page.until(() => window.said?.rows.includes('end'));
    assert.deepEqual((await said(page)).rows, ['none', '1', 'none', '2', '9', 'none', 'none', '10', 'end']);
});

test('a listener that throws stops neither the others nor the stream', async () => {
    const page = await follow();
    await live(page);
    await page.run(() => {
        window.stream.addEventListener('tick', () => {
            throw new Error('on purpose');
        });
    });
    await on.stage.insertMany('tick', 1, 3);
    await count(page, 3);
    assert.deepEqual(await rows(page), [1, 2, 3]);
});

test('storage that is full or forbidden costs the place, not the stream', async () => {
    const page = await openIdle();
    await page.run((url) => {
        const refuse = () => {
            throw new DOMException('no', 'QuotaExceededError');
        };
        window.follow(url, { storage: { getItem: refuse, setItem: refuse } });
    }, EVENTS);
    await live(page);
    await on.stage.insertMany('tick', 1, 3);
    await count(page, 3);
    assert.deepEqual(await rows(page), [1, 2, 3]);
});
