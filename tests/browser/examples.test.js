// The example application: a chat and a chart whose server side is web/examples/app.sql.  (The prices have
// a file of their own.)
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { axeViolations } from './support/axe.js';
import { openBrowser, screenshotFolder } from './support/engines.js';
import { root, startStage, until } from './support/stage.js';

const MODULES = `${root}/tests/browser/node_modules`;
let stage, browser, web, opened, requested;

before(async () => {
    // The pages as they are, and htmx beside them, as the page tells how to put it there.
    web = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-web-'));
    fs.cpSync(`${root}/web`, web, { recursive: true, filter: (file) => !file.includes('node_modules') });
    fs.cpSync(`${web}/examples`, `${web}/without-htmx`, { recursive: true });
    const beside = `${web}/examples/node_modules`;
    fs.mkdirSync(beside);
    fs.symlinkSync(`${MODULES}/htmx2`, `${beside}/htmx.org`);
    fs.symlinkSync(`${MODULES}/htmx-ext-sse`, `${beside}/htmx-ext-sse`);
    stage = await startStage({ settings: { retry: 200 }, web });
    await load();
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await stage?.stop();
    fs.rmSync(web, { recursive: true, force: true });
});
beforeEach(() => {
    opened = [];
    requested = [];
});
afterEach(async () => {
    const said = opened.flatMap((page) => page.console);
    const refused = [];
    for (const page of opened) {
        refused.push(...(await page.run(() => window.violations)));
        // The next test has a session of its own: no bookmark among events that are deleted here.
        await (await page.raw.createCDPSession()).send('Network.clearBrowserCookies');
        await page.close();
    }
    await stage.sql('DELETE FROM chat_messages; DELETE FROM readings; DELETE FROM events;');
    // What the browser and htmx say of a connection that a test cut, or of a refusal, is no fault
    // of the page.
    assert.deepEqual(said.filter((m) => !/ERR_|Failed to load resource|\/htmx\.min\.js$/.test(m.text)), []);
    assert.deepEqual(refused, []);
    assert.deepEqual(requested.filter((url) => !url.startsWith(stage.url) && !url.startsWith('data:')), []);
});

const load = () => stage.sql(fs.readFileSync(`${root}/web/examples/app.sql`, 'utf8'));
async function open(name, token = stage.token) {
    const page = await browser.open('about:blank');
    opened.push(page);
    page.raw.on('request', (request) => requested.push(request.url()));
    await page.raw.evaluateOnNewDocument(() => {
        window.violations = [];
        document.addEventListener('securitypolicyviolation', (event) =>
            window.violations.push(`${event.violatedDirective} ${event.blockedURI}`)
        );
    });
    await page.raw.goto(`${stage.url}/examples/${name}.html#${token}`);
    if (name !== 'index') {
        await page.until(() => document.getElementById('state').dataset.state === 'live');
    }
    return page;
}
const say = (page, name, text) =>
    page.run(
        (n, t) => {
            document.getElementById('name').value = n;
            document.getElementById('text').value = t;
            document.querySelector('#say button').click();
        },
        name,
        text
    );
const said = (page) => page.run(() => [...document.querySelectorAll('#messages .text')].map((p) => p.textContent));
const shows = (page, text) =>
    page.until((t) => [...document.querySelectorAll('#messages .text')].some((p) => p.textContent === t), text);
const tell = (text) => stage.sql(`INSERT INTO chat_messages(name, text) VALUES ('Shell', '${text}');`);

test('app.sql is loaded twice without harm', async () => {
    await tell('kept');
    const before = await stage.sql('SELECT * FROM events; SELECT * FROM prices;');
    await load();
    assert.equal(await stage.sql('SELECT * FROM events; SELECT * FROM prices;'), before);
    assert.equal(await stage.sql("SELECT count(*) FROM events WHERE channel = 'chat';"), '2');
});

test('app.sql puts into the log what only the tables have: each price, and the last value of each sensor', async () => {
    await stage.sql("INSERT INTO readings(sensor, value) VALUES ('cellar', 12.5), ('cellar', 13); DELETE FROM events;");
    await load();
    assert.equal(await stage.sql("SELECT count(*), count(DISTINCT key) FROM events WHERE channel = 'prices';"), '200|200');
    assert.equal(await stage.sql("SELECT key, data ->> 'value' FROM events WHERE channel = 'sensors';"), 'cellar|13.0');
});

test('a row and its event are one transaction: taken back, there is neither', async () => {
    await stage.sql("BEGIN; INSERT INTO chat_messages(name, text) VALUES ('Shell', 'never'); ROLLBACK;");
    await assert.rejects(tell(''), /a message has 1 to 500 characters/);
    assert.equal(await stage.sql('SELECT count(*) FROM events;'), '0');
});

test('a rule of the prices and of the sensors is a sentence, and what it refuses changes nothing', async () => {
    const refusals = [
        ["UPDATE prices SET cents = 0.5 WHERE name = 'BAL'", /a price is a whole number of cents from 1 to 9999999/],
        ["INSERT INTO prices(name, cents) VALUES ('X', 0)", /a price is a whole number of cents from 1 to 9999999/],
        ["INSERT INTO prices(name, cents) VALUES ('', 1)", /the name of a price has 1 to 12 characters/],
        ["UPDATE prices SET name = 'X' WHERE name = 'BAL'", /the name of a price stays/],
        [`INSERT INTO readings(sensor, value) VALUES ('${'x'.repeat(33)}', 1)`, /the name of a sensor has 1 to 32 characters/],
    ];
    for (const [statement, sentence] of refusals) {
        await assert.rejects(stage.sql(`${statement};`), sentence);
    }
    assert.equal(await stage.sql('SELECT count(*) FROM events;'), '0');
    const widest = String.fromCodePoint(0x1f321).repeat(32); // 128 bytes, as many as a key may have
    await stage.sql(`INSERT INTO readings(sensor, value) VALUES ('${widest}', 1);`);
    assert.equal(await stage.sql("SELECT key FROM events WHERE channel = 'sensors';"), widest);
});

for (const name of ['chat', 'chat-htmx']) {
    test(`${name}: what one tab says, and what a shell inserts, every tab shows; a deleted one goes`, async () => {
        const [one, two] = [await open(name), await open(name)];
        await say(one, 'Ada', 'hello');
        await Promise.all([shows(one, 'hello'), shows(two, 'hello')]);
        await tell('from the shell');
        await Promise.all([shows(one, 'from the shell'), shows(two, 'from the shell')]);
        assert.equal(await stage.sql('SELECT group_concat(name) FROM chat_messages;'), 'Ada,Shell');
        await stage.sql("DELETE FROM chat_messages WHERE name = 'Ada';");
        await two.until(() => document.querySelectorAll('#messages li').length === 1);
        assert.deepEqual(await said(two), ['from the shell']);
    });

    test(`${name}: what somebody writes is text, never markup`, async () => {
        const page = await open(name);
        const evil = `<img src=x onerror="document.title='taken'"> & 'q' "d" </li><script>1</script>`;
        await say(page, '<b>Eve</b>', evil);
        await shows(page, evil);
        assert.equal(await page.run(() => document.querySelectorAll('#messages img, #messages script').length), 0);
        assert.equal(await page.run(() => document.querySelector('#messages .who b').textContent), '<b>Eve</b>');
        assert.doesNotMatch(await page.run(() => document.title), /taken/);
    });

    test(`${name}: the responder is killed meanwhile: nothing is lost, nothing comes twice`, async () => {
        const page = await open(name);
        await tell('1');
        await shows(page, '1');
        await stage.killResponder();
        await tell('2');
        await tell('3');
        await shows(page, '3');
        assert.deepEqual(await said(page), ['1', '2', '3']);
    });

    test(`${name}: a page that is loaded shows the last messages`, async () => {
        await tell('before');
        const page = await open(name);
        await shows(page, 'before');
        await page.reload();
        await shows(page, 'before');
        assert.deepEqual(await said(page), ['before']);
    });

    test(`${name}: a rule's sentence is shown to who broke it`, async () => {
        const page = await open(name);
        await say(page, 'Ada', '   ');
        await page.until(() => document.getElementById('answer').textContent.includes('a message has 1 to 500 characters'));
        assert.deepEqual(await said(page), []);
    });
}

test('chat: what is said between the history and the stream is shown once, also where the history was refused at first', async () => {
    await tell('before');
    const page = await open('chat');
    const asked = [];
    await page.raw.setRequestInterception(true);
    page.raw.on('request', async (request) => {
        const name = /\/sse\/(\w+)/.exec(request.url())?.[1];
        asked.push(name);
        if (name === 'history' && asked.filter((n) => n === name).length === 1) {
            await request.respond({ status: 503, headers: { 'Retry-After': '1' }, body: '{"error":"not now"}' });
            return;
        }
        if (name === 'events') {
            await tell('between');
        }
        await request.continue();
    });
    await page.raw.reload();
    await shows(page, 'between');
    assert.deepEqual(asked.filter(Boolean), ['history', 'history', 'events']);
    assert.deepEqual(await said(page), ['before', 'between']);
});

test('without htmx beside it, the page says in words how it gets there', async () => {
    const page = await browser.open(`${stage.url}/without-htmx/chat-htmx.html`);
    try {
        await page.until(() => !document.getElementById('missing').hidden);
        assert.match(await page.run(() => document.getElementById('missing').innerText), /npm install/);
    } finally {
        await page.close();
    }
});

test('without the token a page shows, and says why it cannot write', async () => {
    const page = await open('chat', '');
    await tell('seen');
    await shows(page, 'seen');
    assert.ok(await page.run(() => document.querySelector('#say button').disabled));
    assert.match(await page.run(() => document.getElementById('answer').textContent), /no token/);
});

/** A sensor's row in the table of the chart: name, last, lowest, highest, count. */
const row = (page, name) =>
    page.run(
        (n) => [...document.querySelectorAll('#sensors tr')].find((r) => r.textContent.startsWith(n))?.innerText.split('\t'),
        name
    );

test('chart: readings of the shell and of the page are drawn as they come', async () => {
    const page = await open('chart');
    await stage.sql("INSERT INTO readings(sensor, value) VALUES ('cellar', 12.5), ('cellar', 13);");
    await until(async () => (await row(page, 'cellar'))?.[4] === '2', 'two readings of the cellar');
    assert.deepEqual(await row(page, 'cellar'), ['cellar', '13', '12.5', '13', '2']);
    await page.run(() => document.querySelector('#insert button').click());
    await until(async () => (await row(page, 'slider'))?.[1] === '50', 'the reading of the slider');
    assert.equal(await page.run(() => document.querySelectorAll('#chart polyline').length), 2);
    await stage.killResponder();
    await stage.sql("INSERT INTO readings(sensor, value) VALUES ('cellar', 14);");
    await until(async () => (await row(page, 'cellar'))?.[4] === '3', 'the reading that was missed');
    await assert.rejects(stage.sql("INSERT INTO readings(sensor, value) VALUES ('cellar', 'x');"), /a value is a number/);
});

test('chart: the last value of a sensor that has long been quiet is there at once', async () => {
    await stage.sql(`INSERT INTO readings(sensor, value, at) VALUES ('quiet', 7.25, ${Date.UTC(2026, 0, 15, 12)});
                     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
                     INSERT INTO readings(sensor, value) SELECT 'busy', i FROM n;`);
    const page = await open('chart');
    await until(async () => (await row(page, 'busy'))?.[4] === '1000', 'the readings that the log keeps');
    assert.deepEqual(await row(page, 'quiet'), ['quiet', '7.25 (Jan 15, 2026)', '–', '–', '0']);
    assert.deepEqual(await row(page, 'busy'), ['busy', '1200', '201', '1200', '1000']);
    assert.equal(await page.run(() => document.querySelectorAll('#chart polyline').length), 1);
});

test('no page has a fault that axe-core knows, narrow and wide, light and dark', async () => {
    for (const n of [1, 2, 3]) {
        await tell(`A message, the ${n}th, of some length, so that it needs more than one line on a phone.`);
        await stage.sql(`INSERT INTO readings(sensor, value) VALUES ('cellar', ${10 + n}), ('attic', ${20 - n});`);
    }
    await load(); // the events of the prices
    for (const name of ['index', 'chat', 'chat-htmx', 'chart', 'prices']) {
        const page = await open(name);
        if (name === 'prices') {
            await page.until(() => document.querySelectorAll('#board li').length === 200);
        } else if (name === 'chart') {
            await page.until(() => document.querySelectorAll('#chart polyline').length === 2);
        } else if (name !== 'index') {
            await page.until(() => document.querySelectorAll('#messages li').length === 3);
        }
        for (const width of [390, 1280]) {
            for (const dark of [false, true]) {
                await page.resize(width, 900);
                await page.dark(dark);
                assert.deepEqual(await axeViolations(page), [], `${name} at ${width}`);
                const wide = await page.run(() => document.documentElement.scrollWidth - innerWidth);
                assert.ok(wide <= 0, `${name} at ${width} is ${wide} px too wide`);
                if (screenshotFolder()) {
                    const file = `${screenshotFolder()}/${name}-${width}-${dark ? 'dark' : 'light'}.png`;
                    await page.screenshot(file, { width, height: 900, dark });
                }
            }
        }
    }
});
