// A plain EventSource in a real browser, behind a real lighttpd.
// Engines: chromium firefox webkit
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser } from './support/engines.js';
import { startStage } from './support/stage.js';

// What the tab ever had is in sessionStorage, so that it outlives a reload.
const PAGE = `<!doctype html><html lang="en"><title>native</title><script>
const type = new URLSearchParams(location.search).get('types');
const source = new EventSource('/sse/events' + location.search);
window.said = { state: () => source.readyState, gaps: [], connected: 0 };
source.addEventListener(type, (event) => {
    sessionStorage.rows = (sessionStorage.rows || '') + event.lastEventId + '=' + event.data + ' ';
});
source.addEventListener('gap', (event) => said.gaps.push(JSON.parse(event.data).reason));
source.addEventListener('connected', () => said.connected++);
</script></html>`;

let stage, browser;
before(async () => {
    stage = await startStage({ settings: { retry: 200 }, files: { 'native.html': PAGE } });
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await stage?.stop();
});

// Each test has a type of its own: other filters have other bookmarks.
async function follow(query) {
    const page = await browser.open(`${stage.url}/t/native.html?${query}`);
    await page.until(() => window.said.connected > 0);
    return page;
}
const has = (page, data) => page.until((d) => (sessionStorage.rows || '').includes(`=${d} `), data);
const rows = async (page) =>
    (await page.run(() => sessionStorage.rows || ''))
        .trim()
        .split(' ')
        .map((row) => row.split('='));
const data = async (page) => (await rows(page)).map((row) => Number(row[1]));
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('rows arrive as they are inserted', async () => {
    const page = await follow('types=live');
    await stage.insert('live', '1');
    await has(page, 1);
    await stage.insertMany('live', 2, 100);
    await has(page, 100);
    assert.deepEqual(await data(page), numbers(1, 100));
    await page.close();
});

test('a responder that is killed, twice: what was missed comes, once and in order', async () => {
    const page = await follow('types=killed');
    await stage.insertMany('killed', 1, 10);
    await has(page, 10);
    await stage.killResponder();
    await stage.insertMany('killed', 11, 40);
    await has(page, 40);
    await stage.killResponder();
    await stage.insertMany('killed', 41, 60);
    await has(page, 60);
    assert.deepEqual(await data(page), numbers(1, 60));
    await page.close();
});

test('lighttpd is restarted: what was missed comes, once and in order', async () => {
    const page = await follow('types=restarted');
    await stage.insertMany('restarted', 1, 10);
    await has(page, 10);
    await stage.stopServer();
    await stage.insertMany('restarted', 11, 40);
    await stage.startServer();
    await has(page, 40);
    assert.deepEqual(await data(page), numbers(1, 40));
    assert.deepEqual(await page.run(() => window.said.gaps), []);
    await page.close();
});

test('a reload resumes by the cookie: nothing is skipped, what comes twice has its id again', async () => {
    const page = await follow('types=reloaded');
    await stage.insertMany('reloaded', 1, 10);
    await has(page, 10);
    const reloading = page.reload();
    await stage.insertMany('reloaded', 11, 30);
    await reloading;
    await page.until(() => window.said?.connected > 0);
    await stage.insert('reloaded', '31');
    await has(page, 31);
    const byId = new Map(await rows(page));
    assert.deepEqual([...byId.values()].map(Number), numbers(1, 31));
    assert.equal((await page.run(() => window.said.gaps)).length, 0);
    await page.close();
});

// Each load lives for as long as ten rows take to come, 0.1 s apart.
test('reloaded eight times: nothing is skipped, and it is always the last load that comes again', async () => {
    const page = await follow('types=again');
    let row = 0;
    for (let load = 0; load < 8; load++) {
        for (let i = 0; i < 14; i++) {
            await Promise.all([stage.insert('again', String(++row)), new Promise((go) => setTimeout(go, 100))]);
        }
        await has(page, row);
        await page.reload();
        await page.until(() => window.said?.connected > 0);
    }
    await stage.insert('again', String(++row));
    await has(page, row);
    const had = await data(page);
    assert.deepEqual([...new Set(had)], numbers(1, row));
    assert.equal((await page.run(() => window.said.gaps)).length, 0);
    // Two loads' rows again at each reload is more than is right; all since the first would be 500.
    assert.ok(had.length - row < 8 * 2 * 14, `${had.length - row} rows came again`);
    await page.close();
});

test('events that left the log are told as a gap, before anything newer', async () => {
    const first = await stage.insert('trimmed', '1');
    await stage.insertMany('trimmed', 2, 5);
    const epoch = await stage.sql('SELECT epoch FROM rowcast_log;');
    await stage.sql("DELETE FROM events WHERE type = 'trimmed' AND data < 4;");
    const page = await follow(`types=trimmed&lastEventId=${epoch}-${first}`);
    await has(page, 5);
    assert.deepEqual(await data(page), [4, 5]);
    assert.deepEqual(await page.run(() => window.said.gaps), ['trimmed']);
    await page.close();
});

test('an id of another log is told as a gap, and the stream goes on', async () => {
    const page = await follow('types=other&lastEventId=00000000-7');
    await page.until(() => window.said.gaps.length > 0);
    assert.deepEqual(await page.run(() => window.said.gaps), ['epoch']);
    await stage.insert('other', '1');
    await has(page, 1);
    await page.close();
});
