// The example's board of 200 prices: one stream from `earliest`, the newest of each key and then what
// changes.  Here every price changes with each step, and its version grows by one, so all prices of a
// board that is up to date have the same version.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, afterEach, before, test } from 'node:test';

import { openBrowser } from './support/engines.js';
import { root, startStage } from './support/stage.js';

const RELOADS = 50;
let stage, browser, page;
let version = 1; // of every price

before(async () => {
    stage = await startStage({ settings: { retry: 200 } });
    await stage.sql(fs.readFileSync(`${root}/web/examples/app.sql`, 'utf8'));
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await stage?.stop();
});
afterEach(async () => {
    // What the browser says of a connection that a test cut is no fault of the page.
    assert.deepEqual(page.console.filter(({ text }) => !/ERR_/.test(text)), []);
    await page.close();
});

/**
 * In the page, before its own scripts: counts the events that came, and notes each value that is older
 * than one that was shown before, over reloads too.
 */
function watch() {
    window.came = 0;
    const { addEventListener } = EventSource.prototype;
    EventSource.prototype.addEventListener = function (type, handle) {
        addEventListener.call(this, type, (event) => {
            handle(event);
            window.came++;
        });
    };
    const seen = JSON.parse(sessionStorage.seen ?? '{}');
    const faults = JSON.parse(sessionStorage.faults ?? '[]');
    new MutationObserver((records) => {
        for (const { type, target, removedNodes } of records) {
            if (type === 'attributes') {
                const { name, version } = target.dataset;
                if (+version < (seen[name] ?? 0)) {
                    faults.push(`${name}: ${version} after ${seen[name]}`);
                }
                seen[name] = +version;
            }
            for (const { dataset } of removedNodes) {
                if (dataset?.name) {
                    faults.push(`${dataset.name}: taken off the board`);
                }
            }
        }
        sessionStorage.seen = JSON.stringify(seen);
        sessionStorage.faults = JSON.stringify(faults);
    }).observe(document, { subtree: true, childList: true, attributeFilter: ['data-version'] });
}
async function open(token = stage.token) {
    page = await browser.open('about:blank');
    await page.raw.evaluateOnNewDocument(watch);
    await page.raw.goto(`${stage.url}/examples/prices.html#${token}`);
}
const faults = () => page.run(() => JSON.parse(sessionStorage.faults));
async function step() {
    await stage.sql('UPDATE prices SET cents = cents + 1;');
    version++;
}
/** Steps by one shell after the other, until stop() has waited for the last of them. */
function market() {
    let open = true;
    const closed = (async () => {
        while (open) {
            await step();
        }
    })();
    return {
        stop: () => {
            open = false;
            return closed;
        },
    };
}
/** Waits until the board has 200 prices of the newest version.  Nothing changes meanwhile, so none of them waits for its next change. */
const complete = () =>
    page.until((v) => document.querySelectorAll(`#board li[data-version="${v}"]`).length === 200, version);
const shown = () =>
    page.run(() =>
        [...document.querySelectorAll('#board li')].map((li) => `${li.dataset.name}|${li.querySelector('.price').textContent}`)
    );
const stored = async () => (await stage.sql("SELECT name, printf('%.2f', cents / 100.0) FROM prices ORDER BY name;")).split('\n');
const click = (id) => page.run((i) => document.getElementById(i).click(), id);

test(`reloaded ${RELOADS} times while 200 prices change, the page never shows an older value after a newer one, and has each at once`, async () => {
    await open();
    await complete();
    for (let n = 1; n <= RELOADS; n++) {
        const prices = market();
        await page.reload();
        // The market stops while the stream begins, or later.
        if (n % 2 === 0) {
            await page.until(() => document.getElementById('state').dataset.state === 'live');
        }
        await prices.stop();
        await complete();
        assert.deepEqual(await shown(), await stored());
    }
    assert.deepEqual(await faults(), []);
    assert.ok(version > RELOADS, 'each reload met changes');
    assert.equal(await stage.sql("SELECT count(*), max(trimmed_to) FROM events, rowcast_log WHERE channel = 'prices';"), '200|0');
});

test('the responder is killed while the prices change: the board goes on from where it was', async () => {
    await open();
    await complete();
    const prices = market();
    await stage.killResponder();
    await prices.stop();
    await complete();
    assert.deepEqual(await shown(), await stored());
    assert.deepEqual(await faults(), []);
});

test('a price that is deleted goes, also from a page that is loaded later, and one that is inserted comes', async () => {
    await open();
    await complete();
    await stage.sql("DELETE FROM prices WHERE name = 'BAL';");
    await page.until(() => document.querySelectorAll('#board li').length === 199);
    assert.deepEqual(await faults(), ['BAL: taken off the board']);
    await page.reload();
    await page.until(() => document.querySelectorAll('#board li').length === 199);
    assert.deepEqual(await shown(), await stored());
    await stage.sql(`INSERT INTO prices(name, cents, version) VALUES ('BAL', 1299, ${version});`);
    await complete();
    assert.deepEqual(await shown(), await stored());
});

test('a board that is held stays as it is, and then shows the newest', async () => {
    await open();
    await complete();
    const before = await shown();
    await click('hold');
    const came = await page.run(() => window.came);
    await step();
    await page.until((n) => window.came >= n + 200, came);
    await page.run(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    assert.deepEqual(await shown(), before);
    await click('hold');
    await complete();
    assert.notDeepEqual(await shown(), before);
});

test('the page itself changes all prices, over and over, until the button is pressed again', async () => {
    await open();
    await complete();
    await click('move');
    await page.until((n) => Number(document.getElementById('changes').textContent.replace(/\D/g, '')) > n, 1000);
    await click('move');
    assert.equal(await page.run(() => document.getElementById('move').getAttribute('aria-pressed')), 'false');
    assert.deepEqual(await faults(), []);
    assert.equal(await page.run(() => document.getElementById('answer').textContent), '');
});

test('without the token the board shows the prices, and says why it cannot change them', async () => {
    await open('');
    await page.until(() => document.querySelectorAll('#board li').length === 200);
    assert.ok(await page.run(() => document.getElementById('move').disabled));
    assert.match(await page.run(() => document.getElementById('answer').textContent), /no token/);
});
