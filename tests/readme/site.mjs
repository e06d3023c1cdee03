// The cases of README.md from `make run` to Settings.  A case is found by how its block begins; it
// gets the block's text and asserts what the block is there for.  They run in the README's order,
// and a later one uses what an earlier one started, as a reader does.
//
// What is rewritten stands in a table at each place; nothing else is.
import assert from 'node:assert/strict';
import fs from 'node:fs';

import { bash, follow, freePort, rewrite, sandbox, start, until } from './sandbox.mjs';
import { README_SESSION, asked, connected, lines, readme, sqlite, theBrowser } from './steps.mjs';

const README_URL = 'http://127.0.0.1:8080';
const README_ID = '5f2a91c0-201';

const site = {}; // of `make run`: {url, token, cwd: where rowcast.db is, make}

const shell = (text) => sqlite(text, site);
const sse = (query = '') => `${site.url}/sse/events${query}`;

/** A page whose only script of its own is the block, as the README's reader would write it. */
async function page(name, type, block) {
    const folder = `${sandbox.checkout}/web/readme`;
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(
        `${folder}/before.js`,
        `var told = [];
         function show(...said) { told.push(['show', ...said]); }
         function say(...said) { told.push(['say', ...said]); }
         sessionStorage.loads = Number(sessionStorage.loads || 0) + 1;
         ${/^function reload[^]*?^}$/m.exec(readme)[0]}\n`
    );
    fs.writeFileSync(`${folder}/${name}.js`, `${block}\ntold.push('ran');\n`);
    fs.writeFileSync(
        `${folder}/${name}.html`,
        `<!doctype html><html lang="en"><meta charset="utf-8"><title>${name}</title>
         <ul id="board"></ul><script src="before.js"></script><script type="${type}" src="${name}.js"></script></html>\n`
    );
    const browser = await theBrowser();
    const opened = await browser.open(`${site.url}/readme/${name}.html`);
    await opened.until(() => window.told.includes('ran'));
    return opened;
}
/** Rows until the page has one: a stream begins with what comes after it is open. */
async function toldOf(opened, type, data, channel = '') {
    await until(async () => {
        await shell(`INSERT INTO events(channel, type, data) VALUES ('${channel}', '${type}', '${data}');`);
        return opened.run(() => window.told.length > 1).catch(() => false); // it is being loaded
    }, 'a row in the page');
}

export const siteCases = [
    {
        begins: 'make run',
        name: 'make run serves a page and a stream, and says how to publish',
        run: async (block) => {
            const port = await freePort();
            site.make = start(block, { env: { PORT: String(port) } });
            const [, url, token] = await site.make.until(/(http:\S+)\/#([0-9a-f]{32})/);
            Object.assign(site, { url, token, cwd: `${sandbox.checkout}/build/run` });
            assert.equal(url, README_URL.replace('8080', String(port)));
            assert.equal((await fetch(url)).status, 200);
            assert.match(site.make.text(), /sqlite3 \S+\/build\/run\/rowcast\.db "INSERT INTO events/);
        },
    },
    {
        begins: `curl -N ${README_URL}/sse/events `,
        name: 'curl shows the stream',
        run: async (block) => {
            site.stream = start(rewrite(block, { [README_URL]: site.url }));
            assert.match((await connected(site.stream)).sessionId, /^[0-9a-f]{16}$/);
        },
    },
    {
        begins: 'sqlite3 build/run/rowcast.db "INSERT',
        name: 'a row by the shell is on the stream, with its id',
        run: async (block) => {
            await bash(block);
            const [, id, epoch] = await site.stream.until(
                /event: update\ndata: {"message":"Hello World"}\nid: (([0-9a-f]{8})-\d+)\n/
            );
            Object.assign(site, { id, epoch });
            assert.equal(id, README_ID.replace(/^\w+/, epoch), 'the first row after the 200 prices of the examples');
        },
    },
    {
        begins: 'pkill -9 -x rowcast.fcgi',
        name: 'what was missed while the responder was dead comes once, in order, after the last id',
        run: async (block) => {
            const [kill, resume, ...more] = lines(block);
            assert.deepEqual(more, []);
            await bash(kill);
            assert.match(fs.readFileSync(`${sandbox.folder}/asked`, 'utf8'), /^pkill -9 -x rowcast\.fcgi$/m);
            await site.stream.over();
            await shell(`INSERT INTO events(data) VALUES ('missed one'), ('missed two');`);
            const stream = start(rewrite(resume, { [README_URL]: site.url, [README_ID]: site.id }));
            await stream.until(/event: replay-end/);
            await shell(`INSERT INTO events(data) VALUES ('live');`);
            await stream.until(/data: live\n/);
            const rows = [...stream.text().matchAll(/^data: ([^{\n]*)$/gm)].map(([, data]) => data);
            assert.deepEqual(rows, ['missed one', 'missed two', 'live']);
            await stream.stop();
        },
    },
    {
        begins: 'INSERT INTO events(type, data)             VALUES',
        name: 'a row reaches everyone, a channel, or one session, and nobody else',
        run: async (block) => {
            const everyone = follow(sse());
            const room = follow(sse('?channel=room-7'));
            const one = follow(sse());
            const [, , { sessionId }] = await Promise.all([everyone, room, one].map(connected));
            await shell(rewrite(block, { [README_SESSION]: sessionId }));
            await shell(`INSERT INTO events(data) VALUES ('the end');`);
            for (const stream of [everyone, room, one]) {
                await stream.until(/data: the end\n/);
                assert.match(stream.text(), /event: update\ndata: {"message":"Hello World"}\n/);
                assert.equal(/event: chat\ndata: hi\n/.test(stream.text()), stream === room);
                assert.equal(/event: notice\ndata: for you\n/.test(stream.text()), stream === one);
                await stream.stop();
            }
        },
    },
    {
        begins: 'INSERT INTO events(channel, type, data, expires_at)',
        name: 'an event for ten seconds reaches who listens, and expires in ten seconds',
        run: async (block) => {
            const room = follow(sse('?channel=room-7'));
            await connected(room);
            await shell(block);
            await room.until(/event: typing\ndata: Ann\n/);
            await room.stop();
            const rest = await shell(`SELECT expires_at - created_at FROM events WHERE type = 'typing';`);
            assert.ok(Number(rest) > 9000 && Number(rest) <= 10000, rest);
        },
    },
    {
        begins: "sqlite3 rowcast.db <<'SQL'\n.timeout 5000\nCREATE TEMP TABLE incoming",
        name: 'a file is imported, with commas and line breaks in its data',
        run: async (block) => {
            fs.writeFileSync(`${site.cwd}/events.csv`, 'import,"a, b"\nimport,"two\nlines"\n');
            const stream = follow(sse('?types=import'));
            await connected(stream);
            await bash(block, { cwd: site.cwd });
            await stream.until(/event: import\ndata: a, b\nid: .*\n\nevent: import\ndata: two\ndata: lines\n/);
            await stream.stop();
        },
    },
    {
        begins: 'sqlite3 -bail shop.db < sql/schema.sql',
        name: "the schema goes into the application's own database, and loading it again changes nothing",
        run: async (block) => {
            const cwd = sandbox.checkout;
            await bash(`sqlite3 shop.db "CREATE TABLE orders(id INTEGER PRIMARY KEY, state TEXT)"`);
            await bash(block);
            await sqlite(`INSERT INTO events(data) VALUES ('kept');`, { cwd }, 'shop.db');
            // Triggers are made anew, so their order may change.
            const dump = async () => (await bash('sqlite3 shop.db .dump')).split(';\n').sort();
            const before = await dump();
            await bash(block);
            assert.deepEqual(await dump(), before);
            const tables = await sqlite(`SELECT name FROM sqlite_schema WHERE type = 'table';`, { cwd }, 'shop.db');
            for (const name of ['orders', 'events', 'rowcast_channels', 'rowcast_config', 'rowcast_log']) {
                assert.ok(lines(tables).includes(name), name);
            }
            assert.match(await asked('shop.db', 'wait=0&lastEventId=earliest'), /data: kept\n/);
        },
    },
    {
        begins: 'CREATE TRIGGER order_state AFTER UPDATE OF state ON orders',
        name: "a trigger publishes in the application's transaction, and not when that is rolled back",
        run: async (block) => {
            const shop = (text) => sqlite(text, { cwd: sandbox.checkout }, 'shop.db');
            await shop(block);
            await shop(`INSERT INTO orders VALUES (7, 'new');
                        BEGIN; UPDATE orders SET state = 'never' WHERE id = 7; ROLLBACK;
                        UPDATE orders SET state = 'paid' WHERE id = 7;`);
            const told = await asked('shop.db', 'wait=0&lastEventId=earliest&channel=orders&types=order');
            assert.match(told, /event: order\ndata: {"id":7,"state":"paid"/);
            assert.doesNotMatch(told, /never/);
        },
    },
    {
        begins: 'curl -H "Authorization: Bearer $T"',
        name: 'HTTP publishes to everyone, a channel and a session, ends a session’s streams, and has figures',
        run: async (block) => {
            const [, address] = /With `T` the token and `U=(http:\S+)`/.exec(readme);
            const env = { T: site.token, U: rewrite(address, { [README_URL]: site.url }) };
            fs.writeFileSync(`${site.cwd}/report.txt`, 'a=1&b\n"report"\n');
            const stream = follow(sse('?channel=room-7'));
            const { sessionId } = await connected(stream);
            const commands = lines(rewrite(block, { [README_SESSION]: sessionId }));
            assert.equal(commands.length, 5);
            const said = [];
            for (const command of commands) {
                said.push(JSON.parse(await bash(command, { cwd: site.cwd, env })));
            }
            const [all, file, notice, disconnect, stats] = said;
            await stream.over();
            const text = stream.text();
            assert.match(text, new RegExp(`event: update\ndata: {"message":"Hello"}\nid: ${all.id}\n`));
            assert.match(text, new RegExp(`data: a=1&b\ndata: "report"\ndata: ?\nid: ${file.id}\n`));
            assert.match(text, new RegExp(`event: notice\ndata: for you\nid: ${notice.id}\n`));
            assert.deepEqual(disconnect, { disconnected: true });
            assert.equal(stats.log.path, `${site.cwd}/rowcast.db`);
            assert.equal(stats.log.last_event_id, notice.id);
            await bash(commands[1], { cwd: site.cwd, env });
            const kept = await shell(`SELECT count(*) FROM events WHERE dedup_key = 'report-12';`);
            assert.equal(kept.trim(), '1', 'a second try does nothing');
        },
    },
    {
        begins: "cat > rows.ndjson <<'ROWS'",
        name: 'a batch publishes a row a line, and the rows that have a key to try again are there once',
        run: async (block) => {
            const [, address] = /With `T` the token and `U=(http:\S+)`/.exec(readme);
            const env = { T: site.token, U: rewrite(address, { [README_URL]: site.url }) };
            const stream = follow(sse('?channel=room-7'));
            const { sessionId } = await connected(stream);
            const command = rewrite(block, { [README_SESSION]: sessionId });
            const { ids } = JSON.parse(await bash(command, { cwd: site.cwd, env }));
            assert.equal(ids.length, 3);
            await stream.until(
                new RegExp(
                    `event: price\ndata: {"symbol":"XAU","bid":2391.50}\nid: ${ids[0]}\n[^]*` +
                        `data: for you\nid: ${ids[1]}\n[^]*data: for everyone\nid: ${ids[2]}\n`
                )
            );
            await stream.stop();
            const again = JSON.parse(await bash(command, { cwd: site.cwd, env }));
            assert.equal(again.ids[2], ids[2]);
        },
    },
    {
        begins: "BEGIN;                                             -- in your application's own database",
        name: 'a page that begins at the position read with the state gets all that was committed since, and no more',
        run: async (block) => {
            const shop = (text) => sqlite(text, { cwd: sandbox.checkout }, 'shop.db');
            const change = (state) => shop(`UPDATE orders SET state = '${state}' WHERE id = 7;`);
            await change('packed');
            const [row, position, ...more] = lines(await shop(block));
            assert.equal(row, '7|packed');
            assert.match(position, /^[0-9a-f]{8}-\d+$/);
            assert.deepEqual(more, []);
            await change('sent');
            await change('delivered');
            const told = await asked('shop.db', `wait=0&channel=orders&lastEventId=${position}`);
            const states = [...told.matchAll(/^data: {"id":7,"state":"(\w+)"/gm)].map(([, state]) => state);
            assert.deepEqual(states, ['sent', 'delivered']);
            assert.doesNotMatch(told, /event: gap/);
        },
    },
    {
        begins: 'INSERT INTO events(channel, type, key, data)',
        name: 'of a key the log keeps the newest event',
        run: async (block) => {
            await shell(rewrite(block, { '12.50': '12.40' }));
            await shell(block);
            const kept = await shell(`SELECT data FROM events WHERE channel = 'prices' AND type = 'price' AND key = 'BAL';`);
            assert.equal(kept.trim(), '{"name":"BAL","price":"12.50"}');
        },
    },
    {
        begins: "const board = document.getElementById('board')",
        name: 'the price board of the README shows each price at once, then what changes, and loads anew after a gap',
        run: async (block) => {
            const insert = (name, price) =>
                shell(`INSERT INTO events(channel, type, key, data)
                       VALUES ('prices', 'price', '${name}', json_object('name', '${name}', 'price', '${price}'));`);
            await shell(`DELETE FROM events WHERE channel = 'prices';`); // of the examples
            await insert('BAL', '12.50');
            await insert('BAN', '1.00');
            const opened = await page('board', 'text/javascript', block);
            const shows = (items) =>
                opened.until(
                    (wanted) => [...document.querySelectorAll('#board li')].map((li) => li.textContent).join() === wanted,
                    items.join()
                );
            await shows(['BAL 12.50', 'BAN 1.00']);
            await insert('BAL', '12.60');
            await shows(['BAL 12.60', 'BAN 1.00']);
            await shell(`DELETE FROM events WHERE key = 'BAN';`);
            await opened.until(() => Number(sessionStorage.loads) > 1);
            await shows(['BAL 12.60']);
            await opened.close();
        },
    },
    {
        begins: "const source = new EventSource('/sse/events?types=update,chat&channel=room-7')",
        name: 'the EventSource of the README shows rows, and loads the page anew after a gap',
        run: async (block) => {
            const opened = await page('eventsource', 'text/javascript', block);
            await toldOf(opened, 'update', '{"n":1}');
            const [[, data, id]] = await opened.run(() => window.told.filter(([who]) => who === 'show'));
            assert.deepEqual(data, { n: 1 });
            assert.match(id, /^[0-9a-f]{8}-\d+$/);
            await shell(`INSERT INTO events(channel, type, data) VALUES ('room-7', 'chat', 'hi');`);
            assert.deepEqual(await opened.until(() => window.told.find(([who]) => who === 'say')), ['say', 'hi']);

            await shell(`UPDATE rowcast_log SET epoch = lower(hex(randomblob(4)));`);
            await opened.until(() => Number(sessionStorage.loads) > 1 && window.told.includes('ran'));
            await toldOf(opened, 'update', '{"n":2}');
            // The gap may be told twice (Guarantees), since nothing came after it when the page left.
            assert.ok((await opened.run(() => Number(sessionStorage.loads))) <= 3, 'loaded anew once or twice');
            await opened.close();
        },
    },
    {
        begins: `curl '${README_URL}/sse/history?channel=room-7`,
        name: 'curl gets the newest event as JSON',
        run: async (block) => {
            await shell(`INSERT INTO events(channel, type, data) VALUES ('room-7', 'chat', 'hi');`);
            site.history = JSON.parse(await bash(rewrite(block, { [README_URL]: site.url })));
        },
    },
    {
        begins: '{\n  "events": [',
        name: 'an answer of history has what the README shows',
        run: async (block) => {
            const shown = JSON.parse(block);
            const [event] = site.history.events;
            assert.match(event.id, /^[0-9a-f]{8}-\d+$/);
            assert.equal(site.history.next, event.id);
            assert.ok(Math.abs(event.at - Date.now()) < 60000, 'milliseconds');
            assert.deepEqual(Object.keys(site.history), Object.keys(shown));
            const { id, at } = shown.events[0];
            assert.deepEqual({ ...event, id, at }, shown.events[0]);
            assert.deepEqual({ ...site.history, events: shown.events, next: shown.next }, shown);
        },
    },
    {
        begins: "const response = await fetch('/sse/history?channel=room-7&types=chat&limit=50');",
        name: 'a page shows history, and then what comes after it, each event once',
        run: async (block) => {
            const chat = (data) => shell(`INSERT INTO events(channel, type, data) VALUES ('room-7', 'chat', '${data}');`);
            await chat('before 1');
            await chat('before 2');
            const opened = await page('history', 'module', block);
            await chat('after');
            await opened.until(() => window.told.some(([, data]) => data === 'after'));
            const shown = await opened.run(() => window.told.filter(([who]) => who === 'show').map(([, data]) => data));
            assert.deepEqual(shown.slice(-4), ['hi', 'before 1', 'before 2', 'after']);
            await opened.close();
        },
    },
    {
        begins: "import { rowcast } from '/rowcast/rowcast.js';   // where the example configurations have it",
        name: 'rowcast() of the README shows rows, and loads the page anew after a gap',
        run: async (block) => {
            const opened = await page('module', 'module', block);
            await toldOf(opened, 'message', 'of the module', 'room-7');
            assert.deepEqual(await opened.run(() => window.told[1]), ['show', 'of the module']);

            await shell(`UPDATE rowcast_log SET epoch = lower(hex(randomblob(4)));`);
            await opened.until(() => Number(sessionStorage.loads) > 1 && window.told.includes('ran'));
            await toldOf(opened, 'message', 'after the gap');
            assert.equal(await opened.run(() => Number(sessionStorage.loads)), 2, 'loaded anew once');
            await opened.close();
        },
    },
    {
        begins: `sqlite3 rowcast.db "UPDATE rowcast_config SET value = 500 WHERE name = 'buffer_size'"`,
        name: 'a setting is in force at once, and an impossible value is refused with a sentence',
        run: async (block) => {
            await bash(block, { cwd: site.cwd });
            await until(async () => {
                const stream = follow(sse());
                const { bufferSize } = await connected(stream);
                await stream.stop();
                return bufferSize === 500;
            }, 'a stream that is told of the new size');
            await assert.rejects(bash(rewrite(block, { 500: '-1' }), { cwd: site.cwd }), /buffer_size/);
            await site.make.stop();
            assert.equal(await fetch(site.url).then(() => 'served', () => 'gone'), 'gone', 'make run ends whole');
        },
    },
];

export const siteChecks = [
    {
        name: 'make run upgrades the log that an earlier version left, and serves it',
        run: async () => {
            const run = `${sandbox.checkout}/build/run`;
            fs.rmSync(run, { recursive: true });
            fs.mkdirSync(run);
            await bash(`sqlite3 build/run/rowcast.db <tests/fixtures/r1-log.sql`);
            const make = start('make run', { env: { PORT: String(await freePort()) } });
            const [, url] = await make.until(/(http:\S+)\/#/);
            const stream = follow(`${url}/sse/events?lastEventId=earliest`);
            await stream.until(/event: replay-end/);
            await Promise.all([stream.stop(), make.stop()]);
            assert.equal((await bash(`sqlite3 build/run/rowcast.db "SELECT revision FROM rowcast_log"`)).trim(), '2');
        },
    },
];
