// The demo page, as a newcomer uses it, and each of its snippets, run as it stands there.
// Engines: chromium
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { axeViolations } from './support/axe.js';
import { openBrowser, screenshotFolder } from './support/engines.js';
import { startStage, until } from './support/stage.js';

let stage, browser, page, requested;

before(async () => {
    stage = await startStage({
        settings: { heartbeat_interval: 1, retry: 300 },
        files: { 'away.html': '<!doctype html><html lang="en"><title>away</title><link rel="icon" href="data:,">' },
    });
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await stage?.stop();
});

const address = () => `${stage.url}/rowcast/#${stage.token}`;
const watch = (raw) => raw.on('request', (request) => requested.push(request.url()));
/** The page, with what it asks for written down from its first request on. */
async function open(url = address()) {
    const opened = await browser.open('about:blank');
    watch(opened.raw);
    await opened.raw.evaluateOnNewDocument(() => {
        window.violations = [];
        document.addEventListener('securitypolicyviolation', (event) =>
            window.violations.push(`${event.violatedDirective} ${event.blockedURI}`)
        );
    });
    await opened.raw.goto(url);
    await opened.until(() => document.getElementById('state').dataset.state === 'live');
    return opened;
}
const hasRow = (where, how, text) =>
    where.until(
        (h, t) => [...document.querySelectorAll(`#events [data-how="${h}"]`)].find((row) => row.textContent.includes(t))?.textContent,
        how,
        text
    );
const text = (id) => page.run((name) => document.getElementById(name).textContent, id);
const position = () => text('position');
const click = (id) => page.run((name) => document.getElementById(name).click(), id);
/** A snippet of the page, filled in. */
async function snippet(id) {
    await page.until((db) => document.getElementById('line').textContent.includes(db), stage.db);
    const code = await text(id);
    assert.ok(!/\{(origin|token|module|log)/.test(code), code);
    return code;
}
const run = (program, args, input = '') =>
    new Promise((resolve, reject) => {
        const child = execFile(program, args, { timeout: 20000 }, (error, out, err) =>
            error || err.includes('rror') ? reject(error ?? new Error(err)) : resolve(out)
        );
        child.stdin.end(input);
    });

beforeEach(async () => {
    requested = [];
    page = await open();
});
afterEach(async () => {
    assert.deepEqual(await page.run(() => window.violations), []);
    assert.deepEqual(page.console, []);
    const foreign = requested.filter((url) => !url.startsWith(`${stage.url}/`) && !url.startsWith('data:,'));
    assert.deepEqual(foreign, []);
    await page.close();
});

test('what the form publishes is on the stream, live', async () => {
    await page.raw.type('#data', ' and more');
    await page.raw.click('#publish button');
    await hasRow(page, 'live', 'and more');
    assert.match(await text('answer'), /^Published as [0-9a-f]{8}-\d+\.$/);
    assert.match(await position(), /^[0-9a-f]{8}-\d+$/);
});

test('a type that is typed in is listened to, and an event to this session arrives', async () => {
    await page.run(() => {
        document.getElementById('type').value = 'weather';
        document.getElementById('private').checked = true;
    });
    await click('publish');
    await page.raw.click('#publish button');
    await hasRow(page, 'live', 'weather');
});

test('the sqlite3 line, pasted into a shell, is a row on the stream', async () => {
    const line = await snippet('line');
    assert.ok(line.includes(stage.db), line);
    await run('sh', [], line);
    await hasRow(page, 'live', '{"message":"Hello World"}');
});

test('without a token it listens, says so, and shows no path', async () => {
    const listening = await open(`${stage.url}/rowcast/`);
    await stage.insert('update', 'seen without a token');
    await hasRow(listening, 'live', 'seen without a token');
    assert.match(await listening.run(() => document.getElementById('answer').textContent), /no token/);
    assert.ok(await listening.run(() => document.querySelector('#publish button').disabled));
    assert.ok(!(await listening.run(() => document.body.textContent)).includes(stage.db));
    assert.deepEqual(await axeViolations(listening), []);
    await listening.close();
});

test('a cut connection comes back, and what came meanwhile is replayed', async () => {
    await click('cut');
    await hasRow(page, 'stream', 'cut the connection');
    await hasRow(page, 'stream', 'back after');
    await hasRow(page, 'replayed', 'inserted while the connection was cut');
    await hasRow(page, 'stream', 'all caught up');
    assert.equal(await text('state'), 'live');
});

test('a gap explains itself', async () => {
    await click('gap');
    const row = await hasRow(page, 'gap', 'beyond the end of the log');
    assert.match(row, /load its state anew/);
});

test('a reload keeps the place', async () => {
    await stage.insert('update', 'before the reload');
    await hasRow(page, 'live', 'before the reload');
    const place = await position();
    await page.raw.goto(`${stage.url}/t/away.html`);
    await stage.insert('update', 'meanwhile');
    await page.raw.goto(address());
    assert.match(await hasRow(page, 'replayed', 'meanwhile'), /replayed/);
    assert.notEqual(await position(), place);
    const now = await position();
    await Promise.all([page.raw.waitForNavigation(), click('reload')]);
    await hasRow(page, 'stream', `after the reload, from ${now}`);
    assert.equal(await position(), now);
});

test('a second tab shows the same', async () => {
    const opened = browser.raw.waitForTarget((target) => target.opener() === page.raw.target() || (target.url() === address() && target !== page.raw.target()));
    await page.raw.click('#tab');
    const other = await (await opened).page();
    await other.waitForSelector('#state[data-state="live"]');
    await stage.insert('update', 'for two tabs');
    await hasRow(page, 'live', 'for two tabs');
    await other.waitForFunction(() => document.getElementById('events').textContent.includes('for two tabs'));
    await other.close();
});

test('the EventSource and rowcast.js snippets hear a row', async () => {
    for (const id of ['code-eventsource', 'code-rowcast']) {
        const code = await snippet(id);
        const own = await browser.open(`${stage.url}/t/blank.html`);
        await own.run((source) => {
            window.heard = [];
            console.log = (...words) => window.heard.push(words.join(' '));
            const script = document.createElement('script');
            script.type = 'module';
            script.textContent = source;
            document.head.append(script);
        }, code);
        let n = 0;
        await until(async () => {
            await stage.insert('update', `to ${id} ${n++}`);
            return own.run((name) => window.heard.some((words) => words.includes(name)), id);
        }, `a row in ${id}`);
        assert.match((await own.run(() => window.heard)).at(-1), /^[0-9a-f]{8}-\d+ to code-/);
        await own.close();
    }
});

test('the curl snippets receive and publish', async () => {
    const curl = spawn('sh', ['-c', `exec ${await snippet('code-curl')}`], { stdio: ['ignore', 'pipe', 'ignore'] });
    let heard = '';
    curl.stdout.on('data', (bytes) => (heard += bytes));
    await until(() => heard.includes('event: connected'), 'connected');
    await run('sh', [], await snippet('code-curl-publish'));
    await until(() => heard.includes('data: {"message":"Hello from curl"}'), `a row by curl: ${heard}`);
    curl.kill();
    await hasRow(page, 'live', 'Hello from curl');
});

for (const [id, name, program, args] of [
    ['code-php', 'PHP', 'php', []],
    ['code-python', 'Python', 'python3', ['-']],
    ['code-shell', 'the shell', 'sh', []],
]) {
    test(`the snippet for ${name} publishes`, async () => {
        await run(program, args, await snippet(id));
        await hasRow(page, 'live', `Hello from ${name}`);
    });
}

test('the tabs of the snippets go by arrow keys', async () => {
    await page.raw.focus('#tab-eventsource');
    await page.raw.keyboard.press('ArrowLeft');
    assert.equal(await page.run(() => document.activeElement.id), 'tab-shell');
    assert.deepEqual(
        await page.run(() => [...document.querySelectorAll('[role=tabpanel]:not([hidden])')].map((panel) => panel.id)),
        ['panel-shell']
    );
    await page.raw.keyboard.press('Home');
    assert.equal(await page.run(() => document.activeElement.id), 'tab-eventsource');
});

test('the page comes with its policy', async () => {
    const { headers } = await fetch(`${stage.url}/rowcast/`);
    assert.match(headers.get('content-security-policy'), /^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'$/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
});

test('it is readable at 390 and 1280 px, dark and light', async () => {
    const folder = screenshotFolder();
    await stage.insert('note', 'a longer text, as people write them, that does not fit into one line of a phone');
    await click('gap');
    await hasRow(page, 'gap', 'beyond');
    await click('cut');
    await hasRow(page, 'stream', 'all caught up');
    for (const width of [390, 1280]) {
        for (const dark of [false, true]) {
            await page.resize(width, 900);
            await page.dark(dark);
            assert.ok(await page.run(() => document.documentElement.scrollWidth <= innerWidth), `too wide at ${width}`);
            for (const id of ['state', 'session', 'position']) {
                await page.run(() => scrollTo(0, document.body.scrollHeight));
                const box = await page.run((name) => document.getElementById(name).getBoundingClientRect().toJSON(), id);
                assert.ok(box.top >= 0 && box.bottom < 200 && box.right <= width, `${id} at ${width}: ${JSON.stringify(box)}`);
            }
            await page.run(() => scrollTo(0, 0));
            for (const tab of await page.run(() => [...document.querySelectorAll('[role=tab]')].map((t) => t.id))) {
                await click(tab);
                assert.deepEqual(await axeViolations(page), [], `${tab}, ${width} px, ${dark ? 'dark' : 'light'}`);
            }
            await click('tab-eventsource');
            if (folder) {
                await page.screenshot(`${folder}/demo-${width}-${dark ? 'dark' : 'light'}.png`, { width, dark });
            }
        }
    }
});
