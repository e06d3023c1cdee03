// One stream for all tabs: rowcast.js in several tabs of a real browser.
// Engines: chromium firefox webkit
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EVENTS, count, follow, live, numbers, on, openIdle, rows, said } from './support/followed.js';
import { until } from './support/stage.js';

test('five tabs have one stream, and when its tab is closed another goes on, without loss', async () => {
    const tabs = [];
    for (let i = 0; i < 5; i++) {
        tabs.push(await follow());
    }
    await Promise.all(tabs.map(live));
    assert.equal(on.front.streams.length, 1);
    await on.stage.insertMany('tick', 1, 20);
    await Promise.all(tabs.map((tab) => count(tab, 20)));
    assert.equal(on.front.streams.length, 1);
    const sessions = await Promise.all(tabs.map(async (tab) => (await said(tab)).sessions[0]));
    assert.equal(new Set(sessions).size, 1);

    const leader = tabs.shift(); // the first that was there
    const closing = leader.close();
    await on.stage.insertMany('tick', 21, 60);
    await closing;
    await on.stage.insertMany('tick', 61, 80);
    await Promise.all(tabs.map((tab) => count(tab, 80)));
    for (const tab of tabs) {
        assert.deepEqual(await rows(tab), numbers(1, 80));
        assert.deepEqual((await said(tab)).gaps, []);
    }
    assert.equal(on.front.open(), 1);
});

test('a tab that joins with an older place gets what it missed, the others nothing twice', async () => {
    const late = await follow();
    await live(late);
    await on.stage.insertMany('tick', 1, 5);
    await count(late, 5);
    const first = await rows(late);
    // While it is away, the second tab becomes the leader and moves on.
    await late.run(() => window.stream.close());
    const other = await follow();
    await live(other);
    await on.stage.insertMany('tick', 6, 15);
    await count(other, 10);
    await late.reload();
    await count(late, 10);
    await on.stage.insertMany('tick', 16, 20);
    await Promise.all([count(late, 15), count(other, 15)]);
    assert.deepEqual([...first, ...(await rows(late))], numbers(1, 20));
    assert.deepEqual(await rows(other), numbers(6, 20));
    assert.equal(on.front.open(), 1);
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
        await on.stage.insert('extra', 'x');
        return (await other.run(() => window.extra.length)) > 0;
    }, 'an event of the new type');
    assert.equal(on.front.open(), 1);
});

test('a leader that is stuck is replaced by a tab that is not', async () => {
    const stuck = await openIdle();
    await stuck.run((url) => {
        // Its own watchdog does not run, as in a frozen tab.
        const real = window.setTimeout;
        window.setTimeout = (run, ms) => (ms > 2000 ? 0 : real(run, ms));
        window.follow(url);
    }, EVENTS);
    await live(stuck);
    const other = await follow();
    await live(other);
    await on.stage.insert('tick', '1');
    await count(other, 1);
    on.front.mute();
    await on.stage.insertMany('tick', 2, 9);
    await count(other, 9);
    assert.deepEqual(await rows(other), numbers(1, 9));
    await count(stuck, 9); // which follows it now
    assert.deepEqual(await rows(stuck), numbers(1, 9));
    await until(() => on.front.open() === 1, 'the old stream to be closed');
});

test('without Web Locks each tab has a stream of its own', async () => {
    const tabs = [];
    for (let i = 0; i < 2; i++) {
        const page = await openIdle();
        await page.run((url) => {
            Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });
            window.follow(url);
        }, EVENTS);
        await live(page);
        tabs.push(page);
    }
    assert.equal(on.front.open(), 2);
    await on.stage.insertMany('tick', 1, 5);
    for (const page of tabs) {
        await count(page, 5);
        assert.deepEqual(await rows(page), numbers(1, 5));
    }
});
