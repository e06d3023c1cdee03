// What the tests of rowcast.js share: a stage, a browser, and for each test a front and its pages.
//
//   const page = await follow(address);    a page that follows it, as an application does when loaded
//   const page = await openIdle();         one that waits for window.follow(address, options)
//   on.stage, on.front, on.browser         of the test that runs
import fs from 'node:fs';
import { after, afterEach, before, beforeEach } from 'node:test';

import { openBrowser } from './engines.js';
import { startFront } from './front.js';
import { startStage } from './stage.js';

export const EVENTS = '/sse/events';
export const on = { stage: null, browser: null, front: null };
let pages;

before(async () => {
    on.stage = await startStage({
        settings: { heartbeat_interval: 1, retry: 100 },
        files: {
            'follow.js': fs.readFileSync(new URL('./follow.js', import.meta.url), 'utf8'),
            'follow.html': '<!doctype html><title>follow</title><script type="module" src="follow.js"></script>',
        },
    });
    on.browser = await openBrowser();
});
after(async () => {
    await on.browser?.close();
    await on.stage?.stop();
});
// Each test has a front of its own, so an origin of its own: no locks, no places of another one.
beforeEach(async () => {
    pages = [];
    on.front = await startFront(on.stage.url);
});
afterEach(async () => {
    for (const page of pages) {
        await page.close().catch(() => {});
    }
    await on.front.stop();
});

async function open(search) {
    const page = await on.browser.open(`${on.front.url}/t/follow.html${search}`);
    pages.push(page);
    return page;
}
export const follow = (address = EVENTS) => open(`?${encodeURIComponent(address)}`);
export async function openIdle() {
    const page = await open('');
    await page.until(() => !!window.follow);
    return page;
}

export const live = (page) => page.until(() => window.said?.sessions.length > 0);
export const said = (page) => page.run(() => window.said);
export const rows = async (page) => (await said(page)).rows.map(Number);
export const count = (page, n) => page.until((wanted) => window.said?.rows.length >= wanted, n);
export const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
