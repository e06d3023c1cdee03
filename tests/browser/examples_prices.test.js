// The example's board of 200 prices: one stream from `earliest`, the newest of each key and then what
// changes.  With each change the version of a price grows by one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, afterEach, before, test } from 'node:test';

import { openBrowser } from './support/engines.js';
import { root, startStage } from './support/stage.js';

const RELOADS = 50;
let stage, browser, page;

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
 * In the page, before its own scripts: counts the events that came, and notes each value that came or
 * was shown although a newer one had been shown before, over reloads too.
 */
function watch() {
    const seen = JSON.parse(sessionStorage.seen ?? '{}');
    const faults = JSON.parse(sessionStorage.faults ?? '[]');
    const note = (fault) => {
        faults.push(fault);
        sessionStorage.faults = JSON.stringify(faults);
    };
    const compare = (what, { name, version }) =>
        version < (seen[name] ?? 0) && note(`${name}: ${version} ${what} after ${seen[name]}`);

    window.came = 0;
    const { addEventListener } = EventSource.prototype;
    EventSource.prototype.addEventListener = function (type, handle) {
        addEventListener.call(this, type, (event) => {
            if (type === 'price') {
                window.came++;
                compare('came', JSON.parse(event.data));
            }
            handle(event);
        });
    };
    new MutationObserver((records) => {
        for (const { type, target, removedNodes } of records) {
            if (type === 'attributes') {
                const { name, version } = target.dataset;
                compare('was shown', { name, version: Number(version) });
                seen[name] = Number(version);
            }
            for (const { dataset } of removedNodes) {
                if (dataset?.name) {
                    note(`${dataset.name}: taken off the board`);
                }
            }
        }
        sessionStorage.seen = JSON.stringify(seen);
    }).observe(document, { subtree: true, childList: true, attributeFilter: ['data-version'] });
}
async function open(token = stage.token) {
    page = await browser.open('about:blank');
    await page.raw.evaluateOnNewDocument(watch);
    await page.raw.goto(`${stage.url}/examples/prices.html#${token}`);
}
const faults = () => page.run(() => JSON.parse(sessionStorage.faults ?? '[]'));
const changeAll = () => stage.sql('UPDATE prices SET cents = cents + 1;');
/**
 * Two changes by one shell after the other, each of some of the prices, until stop() has waited for the
 * last of them.  So the newest events of some prices are much older than those of others.
 */
function market() {
    let open = true;
    let steps = 0;
    const some = 'UPDATE prices SET cents = cents + 1 WHERE random() % 8 = 0;';
    const closed = (async () => {
        for (; open || steps === 0; steps++) {
            await stage.sql(some + some);
        }
    })();
    return {
        stop: async () => {
            open = false;
            await closed;
            return steps;
        },
    };
}
const board = () =>
    [...document.querySelectorAll('#board li')]
        .map((li) => [li.dataset.name, li.dataset.version, li.querySelector('.price').textContent].join('|'))
        .join('\n');
const shown = () => page.run(board);
/**
 * Waits until the board is what the table is.  Nothing changes meanwhile, so no price that is shown has
 * waited for its next change.
 */
async function complete() {
    const stored = await stage.sql("SELECT name, version, printf('%.2f', cents / 100.0) FROM prices ORDER BY name;");
    await page.until(`(${board})() === ${JSON.stringify(stored)}`);
    return stored.split('\n').length;
}
const click = (id) => page.run((i) => document.getElementById(i).click(), id);

test(`reloaded ${RELOADS} times while 200 prices change, the page never shows an older value after a newer one, and has each at once`, async () => {
    let steps = 0;
    await open();
    await complete();
    for (let n = 1; n <= RELOADS; n++) {
        const prices = market();
        await page.reload();
        // The market stops while the stream begins, or later.
        if (n % 2 === 0) {
            await page.until(() => document.getElementById('state').dataset.state === 'live');
        }
        steps += await prices.stop();
        assert.equal(await complete(), 200);
    }
    assert.deepEqual(await faults(), []);
    assert.ok(steps >= RELOADS);
    const kept = "SELECT count(*), max(trimmed_to), min(prices.version) > 1 FROM events, rowcast_log, prices WHERE channel = 'prices' AND key = name;";
    assert.equal(await stage.sql(kept), '200|0|1', 'the log keeps the newest of each, and each has changed');
});

test('the responder is killed while the prices change: the board goes on from where it was', async () => {
    await open();
    await complete();
    const prices = market();
    await stage.killResponder();
    await prices.stop();
    await complete();
    assert.deepEqual(await faults(), []);
});

test('a price that is deleted goes, also from a page that is loaded later, and one that is inserted comes', async () => {
    await open();
    await complete();
    const version = await stage.sql("SELECT version FROM prices WHERE name = 'BAL'; DELETE FROM prices WHERE name = 'BAL';");
    assert.equal(await complete(), 199);
    assert.deepEqual(await faults(), ['BAL: taken off the board']);
    await page.reload();
    assert.equal(await complete(), 199);
    await stage.sql(`INSERT INTO prices(name, cents, version) VALUES ('BAL', 1299, ${version});`);
    assert.equal(await complete(), 200);
});

test('somebody deletes the event of a price: the board that shows it begins anew, without it', async () => {
    await open();
    await complete();
    await stage.sql("DELETE FROM events WHERE channel = 'prices' AND key = 'BAL';");
    await page.until(() => document.querySelectorAll('#board li').length === 199);
    assert.ok(!(await shown()).includes('BAL'));
    await stage.sql("UPDATE prices SET cents = cents + 1 WHERE name = 'BAL';");
    assert.equal(await complete(), 200);
});

test('a board that is held stays as it is, and then shows the newest', async () => {
    await open();
    await complete();
    const before = await shown();
    await click('hold');
    const came = await page.run(() => window.came);
    await changeAll();
    await page.until((n) => window.came >= n + 200, came);
    await page.run(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    assert.equal(await shown(), before);
    await click('hold');
    await complete();
    assert.notEqual(await shown(), before);
});

test('the page itself changes all prices, over and over, until the button is pressed again', async () => {
    await open();
    await complete();
    assert.equal(await page.run(() => document.getElementById('changes').textContent), '0');
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
