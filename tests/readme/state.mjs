// The cases of docs/state.md, in the form of site.mjs.  `shop.db` is the log that `make run` serves, and
// the pages are in its folder web/, so that a browser gets them with their stream.
//
// The recipes for PHP and Python print a page.  It is printed, then rows are committed, and only then the
// browser gets the page.
import assert from 'node:assert/strict';
import fs from 'node:fs';

import { bash, freePort, rewrite, sandbox, start, until } from './sandbox.mjs';
import { asked, lines, sqlite, statePage, theBrowser } from './steps.mjs';

const shop = { cwd: `${sandbox.checkout}/build/run` }; // and {url, make}
const web = `${sandbox.checkout}/web/readme`;
const RENDERINGS = 4;

const shell = (text) => sqlite(text, shop);
const change = (state) => shell(`UPDATE orders SET state = '${state}' WHERE id = 7;`);

async function openShop() {
    fs.rmSync(shop.cwd, { recursive: true, force: true });
    fs.mkdirSync(web, { recursive: true });
    shop.make = start('make run', { env: { PORT: String(await freePort()) } });
    [, shop.url] = await shop.make.until(/(http:\S+)\/#/);
}

/** In the page, before its own scripts: what each listener was given. */
function watch() {
    window.came = [];
    const { addEventListener } = EventSource.prototype;
    EventSource.prototype.addEventListener = function (type, handle) {
        addEventListener.call(this, type, (event) => {
            window.came.push([type, JSON.parse(event.data)]);
            handle(event);
        });
    };
}

/** Opens a page of web/readme; `before` is awaited when it first asks for its stream, and before it gets it. */
async function open(name, before) {
    let asks = 0;
    const page = await (await theBrowser()).open('about:blank');
    // No session of another log, which would be told of a gap.
    await (await page.raw.createCDPSession()).send('Network.clearBrowserCookies');
    await page.raw.evaluateOnNewDocument(watch);
    await page.raw.setRequestInterception(true);
    page.raw.on('request', async (request) => {
        if (request.url().includes('/sse/events') && asks++ === 0) {
            await before();
        }
        await request.continue();
    });
    await page.raw.goto(`${shop.url}/readme/${name}`);
    return page;
}
const shows = (page, items) =>
    page.until(
        (wanted) => [...document.querySelectorAll('li')].map((li) => li.textContent).join('|') === wanted,
        items.join('|')
    );
const came = (page) => page.run(() => window.came);
const order = (id, state) => ['order', { id, state }];
const withoutMarks = (told) => told.map(([type, { _replayed, _originalTime, ...data }]) => [type, data]);

let printed = 0;

/** What is committed between a page and its stream arrives, once and in order, and so does what comes later. */
async function losesNothing(render) {
    await shell(`DELETE FROM orders; INSERT INTO orders VALUES (7, 'new'), (8, '<&>');`);
    await change('packed');
    const name = `orders-${++printed}.html`; // lighttpd takes a file for unchanged for a second
    fs.writeFileSync(`${web}/${name}`, await render());
    await change('sent');
    await shell(`INSERT INTO orders VALUES (9, 'new');`);
    const page = await open(name, () => change('delivered'));
    await shows(page, ['Order 7: delivered', 'Order 8: <&>', 'Order 9: new']);
    await change('returned');
    await shows(page, ['Order 7: returned', 'Order 8: <&>', 'Order 9: new']);
    const expected = [order(7, 'sent'), order(9, 'new'), order(7, 'delivered'), order(7, 'returned')];
    assert.deepEqual(withoutMarks(await came(page)), expected);
    await page.close();
}

/**
 * A page that is printed while rows are committed: its stream begins with the very next state.  The view
 * is made slow, so that rows are committed after the position was read and before the state is.
 */
async function isOfOneMoment(render) {
    await shell(`DELETE FROM orders; INSERT INTO orders VALUES (7, 1);
                 UPDATE rowcast_config SET value = 1000000 WHERE name = 'buffer_size';
                 DROP VIEW rowcast_position;
                 CREATE VIEW rowcast_position AS
                     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
                     SELECT epoch || '-' || last_id AS position FROM rowcast_log WHERE (SELECT count(*) FROM n) > 0;`);
    const publisher = start(
        `yes 'UPDATE orders SET state = state + 1 WHERE id = 7;' |
         sqlite3 -bail -cmd '.timeout 10000' -cmd 'PRAGMA synchronous = OFF' rowcast.db`,
        shop
    );
    const pages = [];
    for (let n = 0; n < RENDERINGS; n++) {
        const page = await render();
        const [, position] = /data-position="([0-9a-f]{8}-\d+)"/.exec(page);
        pages.push({ position, state: Number(/Order 7: (\d+)/.exec(page)[1]) });
    }
    await until(async () => Number(await shell('SELECT state FROM orders;')) > pages.at(-1).state, 'one more state');
    await publisher.stop();
    assert.ok(pages[0].state < pages.at(-1).state, 'states changed while pages were printed');
    for (const { position, state } of pages) {
        const told = await asked('build/run/rowcast.db', `wait=0&channel=orders&lastEventId=${position}`);
        const states = [...told.matchAll(/^data: {"id":7,"state":"(\d+)"/gm)].map(([, found]) => Number(found));
        assert.equal(states[0], state + 1);
        assert.doesNotMatch(told, /event: gap/);
    }
}

export const stateCases = [
    {
        begins: 'CREATE TABLE orders',
        name: 'state: triggers publish each change of the orders',
        run: async (block) => {
            await openShop();
            await shell(block);
            await shell(`INSERT INTO orders VALUES (7, 'new'); UPDATE orders SET state = 'sent' WHERE id = 7;`);
            const told = lines(await shell(`SELECT data FROM events WHERE channel = 'orders';`));
            assert.deepEqual(told, ['{"id":7,"state":"new"}', '{"id":7,"state":"sent"}']);
        },
    },
    {
        begins: "const orders = document.getElementById('orders')",
        name: 'state: orders.js is a script, and the pages below are with it',
        run: async (block) => {
            fs.writeFileSync(`${web}/orders.js`, block);
            await bash(`node --check web/readme/orders.js`);
        },
    },
    {
        begins: '<?php // orders.php',
        name: 'state: a page that PHP printed loses nothing that is committed until it has its stream',
        run: async (block) => {
            fs.writeFileSync(`${shop.cwd}/orders.php`, rewrite(block, { 'shop.db': 'rowcast.db' }));
            const render = () => bash('php orders.php', shop);
            await losesNothing(render);
            await isOfOneMoment(render);
        },
    },
    {
        begins: '#!/usr/bin/env python3',
        name: 'state: a page that Python printed loses nothing that is committed until it has its stream',
        run: async (block) => {
            fs.writeFileSync(`${shop.cwd}/orders.py`, rewrite(block, { 'shop.db': 'rowcast.db' }));
            const render = async () => {
                const [head, page] = (await bash('python3 orders.py', shop)).split(/\n\n([^]*)/);
                assert.equal(head, 'Content-Type: text/html; charset=utf-8');
                return page;
            };
            await losesNothing(render);
            await isOfOneMoment(render);
        },
    },
    {
        begins: 'CREATE TABLE stock',
        name: 'state: of each item the log keeps the newest event, and of one that is gone that it is',
        run: async (block) => {
            await shell(block);
            await shell(`INSERT INTO stock VALUES ('chair', 1), ('lamp', 5), ('table', 2);
                         UPDATE stock SET pieces = pieces + 1; DELETE FROM stock WHERE item = 'table';`);
            const kept = `SELECT type, data, expires_at - created_at BETWEEN 2591990000 AND 2592000000
                          FROM events WHERE channel = 'stock' ORDER BY key;`;
            assert.deepEqual(lines(await shell(kept)), [
                'stock|{"item":"chair","pieces":2}|',
                'stock|{"item":"lamp","pieces":6}|',
                'gone|{"item":"table"}|1',
            ]);
        },
    },
    {
        begins: "const list = document.getElementById('stock')",
        name: 'state: a page without server code shows the newest of each, then what changes, and nothing old',
        run: async (block) => {
            const [, element] = /The page is a file with `(<ul .*)` and this script/.exec(statePage);
            fs.writeFileSync(`${web}/stock.js`, block);
            fs.writeFileSync(
                `${web}/stock.html`,
                `<!doctype html><html lang="en"><meta charset="utf-8"><title>Stock</title>${element}<script src="stock.js"></script></html>\n`
            );
            const page = await open('stock.html', () =>
                shell(`UPDATE stock SET pieces = 9 WHERE item = 'chair'; INSERT INTO stock VALUES ('bed', 1);`)
            );
            await shows(page, ['lamp: 6', 'chair: 9', 'bed: 1']);
            await shell(`DELETE FROM stock WHERE item = 'lamp'; UPDATE stock SET pieces = 8 WHERE item = 'chair';`);
            await shows(page, ['chair: 8', 'bed: 1']);
            assert.deepEqual(withoutMarks(await came(page)), [
                ['stock', { item: 'lamp', pieces: 6 }],
                ['gone', { item: 'table' }],
                ['stock', { item: 'chair', pieces: 9 }],
                ['stock', { item: 'bed', pieces: 1 }],
                ['gone', { item: 'lamp' }],
                ['stock', { item: 'chair', pieces: 8 }],
            ]);

            await shell(`DELETE FROM events WHERE channel = 'stock' AND key = 'bed';`);
            await page.until(() => Number(sessionStorage.reloadedAt) > 0);
            await shows(page, ['chair: 8']);
            await page.close();
        },
    },
];

export const stateEnd = () => shop.make?.stop();
