// rowcast.js in a real browser, behind a real lighttpd and a front that misbehaves.
// Engines: chromium firefox webkit
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, beforeEach, afterEach, test } from 'node:test';

import { openBrowser } from './support/engines.js';
import { startFront } from './support/front.js';
import { startStage } from './support/stage.js';

const EVENTS = '/sse/events';
let stage, browser, front, pages;

before(async () => {
    stage = await startStage({
        settings: { heartbeat_interval: 1, retry: 100 },
        files: {
            'follow.js': fs.readFileSync(new URL('./support/follow.js', import.meta.url), 'utf8'),
            'follow.html': '<!doctype html><title>follow</title><script type="module" src="follow.js"></script>',
        },
    });
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await stage?.stop();
});
beforeEach(async () => {
    pages = [];
    front = await startFront(stage.url);
});
afterEach(async () => {
    for (const page of pages) {
        await page.close().catch(() => {});
    }
    await front.stop();
});

// Each test has a front of its own, so an origin of its own: no locks, no places of another one.
async function follow(address = EVENTS) {
    const page = await browser.open(`${front.url}/t/follow.html?${encodeURIComponent(address)}`);
    pages.push(page);
    return page;
}
const live = (page) => page.until(() => window.said?.sessions.length > 0);
const said = (page) => page.run(() => window.said);
const rows = async (page) => (await said(page)).rows.map(Number);
const count = (page, n) => page.until((wanted) => window.said?.rows.length >= wanted, n);
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
async function until(condition, what) {
    for (const limit = Date.now() + 20000; !(await condition()); ) {
        assert.ok(Date.now() < limit, `waited for: ${what}`);
        await new Promise((next) => setTimeout(next, 20));
    }
}

test('minified it is at most 3,000 bytes', () => {
    const { size } = fs.statSync(new URL('../../build/web/rowcast.min.js', import.meta.url));
    assert.ok(size > 1000 && size <= 3000, `${size} bytes`);
});

test('it has the shape of an EventSource, and rows arrive', async () => {
    const page = await follow();
    await live(page);
    await stage.insert('tick', '1');
    await stage.insert('message', '2');
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
    assert.equal(shape.url, front.url + EVENTS);
    assert.match(shape.id, /^[0-9a-f]{8}-\d+$/);
    assert.ok(shape.isTarget);
    await page.run(() => window.stream.close());
    assert.equal(await page.run(() => window.stream.readyState), 2);
    await until(() => front.open() === 0, 'its connection to end');
});

test('after 503 for 5 s it is back, where a native EventSource is dead, and has every row once', async () => {
    const page = await follow();
    await live(page);
    await page.run((url) => {
        window.native = new EventSource(url);
    }, EVENTS);
    await page.until(() => window.native.readyState === 1);
    front.refuse(true);
    const began = Date.now();
    front.cut();
    await stage.insertMany('tick', 1, 50);
    await until(() => Date.now() - began > 5000, '5 s');
    assert.equal(await page.run(() => window.native.readyState), 2);
    assert.equal(await page.run(() => window.stream.readyState), 0);
    const tries = front.streams.filter((s) => s.status === 503).length;
    assert.ok(tries >= 2 && tries < 100, `${tries} tries`);
    front.refuse(false);
    await stage.insertMany('tick', 51, 60);
    await count(page, 60);
    assert.deepEqual(await rows(page), numbers(1, 60));
});

test('it comes back at once when the network does', async () => {
    const page = await follow();
    await live(page);
    front.refuse(true);
    front.cut();
    await until(() => front.streams.filter((s) => s.status === 503).length >= 3, 'three refusals');
    front.refuse(false);
    // The next try by itself may be many seconds away.
    const before = front.streams.length;
    await page.run(() => window.dispatchEvent(new Event('online')));
    await until(() => front.streams.length > before, 'a try');
    await stage.insert('tick', '1');
    await count(page, 1);
});

test('a reload resumes where the tab was, although the cookie is gone', async () => {
    const page = await follow();
    await live(page);
    await stage.insertMany('tick', 1, 10);
    await count(page, 10);
    const reloading = page.reload();
    await stage.insertMany('tick', 11, 30);
    await reloading;
    await live(page);
    await stage.insert('tick', 31);
    await page.until(() => window.said.rows.at(-1) === '31');
    const all = await page.run(() => sessionStorage.rows);
    assert.deepEqual(all.trim().split(' ').map(Number), numbers(1, 31));
    assert.deepEqual((await said(page)).gaps, []);
    const asked = front.streams.at(-1).url;
    assert.match(asked, /lastEventId=[0-9a-f]{8}-\d+/);
});

test('the back button brings a tab back to where it was', async () => {
    const page = await follow();
    await live(page);
    await stage.insertMany('tick', 1, 10);
    await count(page, 10);
    await page.run(() => {
        setTimeout(() => (location.href = '/t/blank.html'));
    });
    await page.until(() => location.pathname === '/t/blank.html');
    await stage.insertMany('tick', 11, 20);
    await page.run(() => {
        setTimeout(() => history.back());
    });
    await page.until(() => location.pathname === '/t/follow.html');
    await stage.insert('tick', '21');
    await page.until(() => window.said?.rows.at(-1) === '21');
    const all = await page.run(() => sessionStorage.rows);
    assert.deepEqual(all.trim().split(' ').map(Number), numbers(1, 21));
});

test('what was missed is announced by onreplay', async () => {
    const page = await follow();
    await live(page);
    await stage.insert('tick', '1');
    await count(page, 1);
    front.refuse(true);
    front.cut();
    await until(() => front.streams.at(-1).status === 503, 'a refusal');
    await stage.insert('tick', '2');
    front.refuse(false);
    await count(page, 2);
    await page.until(() => window.said.replays.length === 2);
    assert.deepEqual((await said(page)).replays, ['replay-start', 'replay-end']);
});

test('a gap is told, and moves the place', async () => {
    const page = await follow(`${EVENTS}?lastEventId=00000000-7`);
    await page.until(() => window.said?.gaps.length > 0);
    assert.deepEqual((await said(page)).gaps, ['epoch']);
    await stage.insert('tick', '1');
    await count(page, 1);
    assert.equal(await page.run(() => window.stream.lastEventId), (await said(page)).ids[0]);
});

test('five tabs have one stream, and when its tab is closed another goes on, without loss', async () => {
    const tabs = [];
    for (let i = 0; i < 5; i++) {
        tabs.push(await follow());
    }
    await Promise.all(tabs.map(live));
    assert.equal(front.streams.length, 1);
    await stage.insertMany('tick', 1, 20);
    await Promise.all(tabs.map((tab) => count(tab, 20)));
    assert.equal(front.streams.length, 1);
    const sessions = await Promise.all(tabs.map(async (tab) => (await said(tab)).sessions[0]));
    assert.equal(new Set(sessions).size, 1);

    const leader = tabs.shift(); // the first that was there
    const closing = leader.close();
    await stage.insertMany('tick', 21, 60);
    await closing;
    await stage.insertMany('tick', 61, 80);
    await Promise.all(tabs.map((tab) => count(tab, 80)));
    for (const tab of tabs) {
        assert.deepEqual(await rows(tab), numbers(1, 80));
        assert.deepEqual((await said(tab)).gaps, []);
    }
    assert.equal(front.open(), 1);
});

test('a tab that joins with an older place gets what it missed, the others nothing twice', async () => {
    const late = await follow();
    await live(late);
    await stage.insertMany('tick', 1, 5);
    await count(late, 5);
    const first = await rows(late);
    // While it is away, the second tab becomes the leader and moves on.
    await late.run(() => window.stream.close());
    const other = await follow();
    await live(other);
    await stage.insertMany('tick', 6, 15);
    await count(other, 10);
    await late.reload();
    await count(late, 10);
    await stage.insertMany('tick', 16, 20);
    await Promise.all([count(late, 15), count(other, 15)]);
    assert.deepEqual([...first, ...(await rows(late))], numbers(1, 20));
    assert.deepEqual(await rows(other), numbers(6, 20));
    assert.equal(front.open(), 1);
});

test('a tab may listen to a type that the leader does not', async () => {
    const leader = await follow();
    await live(leader);
    const other = await follow();
    await live(other);
    await other.run(() => {
        window.extra = [];
        window.stream.addEventListener('extra', (event) => window.extra.push(event.data));
    });
    // A row that all get shows that the leader heard of it: messages keep their order.
    await until(async () => {
        await stage.insert('extra', 'x');
        return (await other.run(() => window.extra.length)) > 0;
    }, 'an event of the new type');
    assert.equal(front.open(), 1);
});

test('a server that goes mute is left for a new connection', async () => {
    const page = await follow();
    await live(page);
    await stage.insert('tick', '1');
    await count(page, 1);
    front.mute();
    await stage.insertMany('tick', 2, 9);
    await count(page, 9);
    assert.deepEqual(await rows(page), numbers(1, 9));
    assert.equal(front.streams.length, 2);
});

test('a leader that is stuck is replaced by a tab that is not', async () => {
    const stuck = await browser.open(`${front.url}/t/follow.html`);
    pages.push(stuck);
    await stuck.until(() => !!window.follow);
    await stuck.run((url) => {
        // Its own watchdog does not run, as in a frozen tab.
        const real = window.setTimeout;
        window.setTimeout = (run, ms) => (ms > 2000 ? 0 : real(run, ms));
        window.follow(url);
    }, EVENTS);
    await live(stuck);
    const other = await follow();
    await live(other);
    await stage.insert('tick', '1');
    await count(other, 1);
    front.mute();
    await stage.insertMany('tick', 2, 9);
    await count(other, 9);
    assert.deepEqual(await rows(other), numbers(1, 9));
    await count(stuck, 9); // which follows it now
    assert.deepEqual(await rows(stuck), numbers(1, 9));
    await until(() => front.open() === 1, 'the old stream to be closed');
});

test('without Web Locks each tab has a stream of its own', async () => {
    const tabs = [];
    for (let i = 0; i < 2; i++) {
        const page = await browser.open(`${front.url}/t/follow.html`);
        pages.push(page);
        await page.until(() => !!window.follow);
        await page.run((url) => {
            Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });
            window.follow(url);
        }, EVENTS);
        await live(page);
        tabs.push(page);
    }
    assert.equal(front.open(), 2);
    await stage.insertMany('tick', 1, 5);
    for (const page of tabs) {
        await count(page, 5);
        assert.deepEqual(await rows(page), numbers(1, 5));
    }
});

test('an event that was had is dropped by its id, one without an id never is', async () => {
    let connections = 0;
    front.answer = (request, response) => {
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
    await stage.insertMany('tick', 1, 3);
    await count(page, 3);
    assert.deepEqual(await rows(page), [1, 2, 3]);
});

test('storage that is full or forbidden costs the place, not the stream', async () => {
    const page = await browser.open(`${front.url}/t/follow.html`);
    pages.push(page);
    await page.until(() => !!window.follow);
    await page.run((url) => {
        const refuse = () => {
            throw new DOMException('no', 'QuotaExceededError');
        };
        window.follow(url, { storage: { getItem: refuse, setItem: refuse } });
    }, EVENTS);
    await live(page);
    await stage.insertMany('tick', 1, 3);
    await count(page, 3);
    assert.deepEqual(await rows(page), [1, 2, 3]);
});
