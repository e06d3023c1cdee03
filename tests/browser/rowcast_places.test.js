// Where a tab begins: addresses that say it themselves, places of another log, events that nobody
// listens to, and what a leader that is gone said last.
// Engines: chromium firefox webkit
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EVENTS, count, follow, live, numbers, on, openIdle, rows, said } from './support/followed.js';
import { until } from './support/stage.js';

const NEWEST = `${EVENTS}?last=3`;
const id = (page) => page.run(() => window.stream.lastEventId);
const number = async (page) => Number((await id(page)).split('-')[1]);
const end = async () => Number(await on.stage.sql('SELECT last_id FROM rowcast_log'));

for (const [name, address, first] of [
    ['its newest events', NEWEST, 3],
    ['the oldest event', `${EVENTS}?types=tick&lastEventId=earliest`, 1],
    ['the oldest event, by another name', `${EVENTS}?types=tick&last_event_id=earliest`, 1],
]) {
    test(`a page that begins with ${name} does so after a reload, too`, async () => {
        await on.stage.sql('DELETE FROM events');
        await on.stage.insertMany('tick', 1, 5);
        const page = await follow(address);
        await count(page, 6 - first);
        for (let i = 0; i < 2; i++) {
            assert.deepEqual(await rows(page), numbers(first, 5));
            await page.reload();
            await count(page, 6 - first);
        }
        on.front.cut(); // but a connection that breaks goes on where it was
        await on.stage.insert('tick', 6);
        await count(page, 7 - first);
        assert.deepEqual(await rows(page), numbers(first, 6));
    });
}

test('a tab that begins with the newest events has them beside one that is there already', async () => {
    const first = await follow(NEWEST);
    await live(first);
    await on.stage.insertMany('tick', 1, 9);
    await count(first, 9);
    const second = await follow(NEWEST);
    await count(second, 3);
    await on.stage.insert('tick', 10);
    await Promise.all([count(first, 10), count(second, 4)]);
    assert.deepEqual((await rows(first)).slice(-10), numbers(1, 10));
    assert.deepEqual(await rows(second), numbers(7, 10));
    assert.equal(on.front.open(), 1);
});

test('a tab that is behind loses nothing to one that begins with the newest events', async () => {
    const first = await follow(`${EVENTS}?last=1`);
    await live(first);
    await on.stage.insert('tick', 'here');
    await first.until(() => window.said.rows.includes('here'));
    on.front.refuse(true);
    on.front.cut();
    await on.stage.insertMany('tick', 1, 5);
    const second = await follow(`${EVENTS}?last=1`);
    on.front.refuse(false);
    await second.until(() => window.said?.rows.includes('5'));
    await first.until(() => window.said.rows.includes('5'));
    const had = (await said(first)).rows;
    assert.deepEqual(had.slice(had.indexOf('here') + 1).map(Number), numbers(1, 5));
    assert.deepEqual((await said(first)).gaps, []);
});

test('a tab whose place is of another log is told so, and no other tab', async () => {
    const leader = await follow();
    await live(leader);
    const tab = await openIdle();
    await tab.run((address) => {
        sessionStorage.setItem(`rowcast ${new URL(address, location.href)}`, '00000000-7');
        window.follow(address);
    }, EVENTS);
    await tab.until(() => window.said.gaps.length > 0);
    await on.stage.insert('tick', '1');
    await Promise.all([count(tab, 1), count(leader, 1)]);
    assert.deepEqual((await said(tab)).gaps, ['epoch']);
    assert.deepEqual((await said(leader)).gaps, []);
    assert.equal(on.front.streams.length, 1);
    assert.equal(await id(tab), await id(leader));
    await tab.reload(); // its place is of this log now
    await tab.until(() => !!window.follow);
    await tab.run((address) => window.follow(address), EVENTS);
    await live(tab);
    await on.stage.insert('tick', '2');
    await count(tab, 1);
    assert.deepEqual((await said(tab)).gaps, []);
});

test('a last id that is lost on the way loses no event, in no tab', async () => {
    on.front.check = ({ headers }) => {
        delete headers['last-event-id']; // as a service worker does in Chromium
    };
    const tabs = [await follow()];
    await live(tabs[0]);
    tabs.push(await follow());
    await live(tabs[1]);
    for (let n = 1; n <= 3; n++) {
        await on.stage.insert('tick', n * 2 - 1);
        await Promise.all(tabs.map((tab) => count(tab, n * 2 - 1)));
        on.front.end();
        await on.stage.insert('tick', n * 2);
        await Promise.all(tabs.map((tab) => count(tab, n * 2)));
    }
    for (const tab of tabs) {
        assert.deepEqual(await rows(tab), numbers(1, 6));
        assert.deepEqual((await said(tab)).gaps, []);
    }
});

test('events that the page does not listen to move its place all the same', async () => {
    const page = await follow();
    await live(page);
    const other = await follow();
    await live(other);
    await on.stage.insertMany('unheard', 1, 3);
    const newest = await end();
    for (const tab of [page, other]) {
        await until(async () => (await number(tab)) === newest, 'a heartbeat to tell the place');
        assert.deepEqual((await said(tab)).rows, []);
    }
    await other.close();
    await page.reload();
    await live(page);
    assert.ok(on.front.streams.at(-1).url.endsWith(`-${newest}`), on.front.streams.at(-1).url);
});

test('what the old leader said last does not keep the new one from connecting', async () => {
    const old = await follow();
    await live(old);
    const next = await openIdle();
    await next.run((address) => {
        const real = window.setTimeout;
        // Time for the others to say hello: here also for what comes late.
        window.setTimeout = (run, ms) => real(run, ms === 50 ? 1000 : ms);
        window.follow(address);
    }, EVENTS);
    await live(next);
    const late = await openIdle();
    await late.run((address) => {
        const channel = new BroadcastChannel(`rowcast ${new URL(address, location.href)}`);
        let by;
        channel.onmessage = ({ data }) => {
            if (data.lead) {
                const connected = { type: 'connected', data: '{"heartbeat":3600}', id: '', own: false };
                channel.postMessage({ by, ...connected });
                channel.postMessage({ by, to: data.by, state: 1, connected });
                window.told = true;
            } else if (data.type) {
                by = data.by;
                window.knows = true;
            }
        };
    }, EVENTS);
    await late.until(() => window.knows); // a heartbeat
    await old.close();
    await late.until(() => window.told);
    await on.stage.insertMany('tick', 1, 5);
    await count(next, 5);
    assert.deepEqual(await rows(next), numbers(1, 5));
    assert.equal(on.front.open(), 1);
});
