// What other people's clients do in a browser: htmx 2 and 4 with their sse extensions, and
// fetch-event-source.  What they cannot do is held here as well, so that docs/clients.md stays
// true: a newer version that can makes a test fail, and the page is to be mended.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { after, before, test } from 'node:test';

import { openBrowser } from './support/engines.js';
import { startFront } from './support/front.js';
import { startStage, until } from './support/stage.js';
import { snippet } from './support/snippets.js';

const modules = new URL('./node_modules/', import.meta.url).pathname;
const read = (file) => fs.readFileSync(modules + file, 'utf8');
const page = (head, body) => `<!doctype html><html lang="en"><head><title>client</title>${head}</head><body>${body}</body></html>`;
const script = (file) => `<script src="${file}"></script>`;

// Each page shows every row as an <li>, and keeps gaps in window.gaps.
const clients = {
    'htmx 2': page(
        script('htmx2.js') + script('sse2.js'),
        `${snippet('clients.md', 'htmx 2')}
        <script>window.gaps = []; addEventListener('htmx:sseBeforeMessage', (event) => {
            if (event.detail.type === 'gap') gaps.push(JSON.parse(event.detail.data).reason);
        });</script>`
    ),
    'htmx 4': page(
        script('htmx4.js') + script('sse4.js'),
        `${snippet('clients.md', 'htmx 4')}
        <script>window.gaps = []; document.querySelector('ul').addEventListener('gap', (event) => {
            gaps.push(JSON.parse(event.detail.data).reason);
        });</script>`
    ),
    'fetch-event-source': page(
        '',
        `<ul></ul><script>
        window.gaps = [];
        const show = (data) => { document.querySelector('ul').insertAdjacentHTML('beforeend', data); };
        const reload = (data) => { gaps.push(JSON.parse(data).reason); };
        </script>${script('fes.js')}`
    ),
};

let stage, browser, front;
before(async () => {
    const bundled = execFileSync('esbuild', ['--bundle', '--loader=js'], {
        cwd: modules,
        input: snippet('clients.md', 'fetch-event-source'),
        encoding: 'utf8',
    });
    stage = await startStage({
        settings: { retry: 100 },
        files: {
            'htmx2.js': read('htmx2/dist/htmx.js'),
            'sse2.js': read('htmx-ext-sse/sse.js'),
            'htmx4.js': read('htmx4/dist/htmx.js'),
            'sse4.js': read('htmx4/dist/ext/hx-sse.js'),
            'fes.js': bundled,
            ...Object.fromEntries(Object.entries(clients).map(([name, text]) => [`${name}.html`, text])),
        },
    });
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await stage?.stop();
});

// A front of its own for each test; ended with its page.
async function on(client, use) {
    front = await startFront(stage.url);
    let tab;
    try {
        await use({
            open: async () => {
                tab = await browser.open(`${front.url}/t/${encodeURIComponent(client)}.html`);
                return tab;
            },
            connected: () => until(() => front.streams.some((s) => s.status === 200), 'a stream'),
        });
    } finally {
        await tab?.close();
        await front.stop();
    }
}
const insert = (from, to) =>
    stage.sql(`WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to})
               INSERT INTO events(data) SELECT '<li>' || i || '</li>' FROM n;`);
const has = (tab, n) =>
    tab.until((last) => [...document.querySelectorAll('li')].some((li) => li.textContent === String(last)), n);
const rows = (tab) => tab.run(() => [...document.querySelectorAll('li')].map((li) => Number(li.textContent)));
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const refused = (n) => until(() => front.streams.filter((s) => s.status === 503).length >= n, `${n} refusals`);

for (const client of Object.keys(clients)) {
    test(`${client}: rows arrive, and after a cut, or an end, what was missed comes once`, () =>
        on(client, async ({ open, connected }) => {
            const tab = await open();
            await connected();
            await insert(1, 5);
            await has(tab, 5);
            front.cut();
            await insert(6, 20);
            await has(tab, 20);
            front.end();
            await insert(21, 30);
            await has(tab, 30);
            assert.deepEqual(await rows(tab), numbers(1, 30));
            assert.match(front.streams.at(-1).headers['last-event-id'] ?? front.streams.at(-1).url, /[0-9a-f]{8}-\d+/);
        }));

    test(`${client}: a gap is there to be seen`, () =>
        on(client, async ({ open, connected }) => {
            const tab = await open();
            await connected();
            await insert(1, 1);
            await has(tab, 1);
            front.refuse(true);
            front.cut();
            await insert(2, 9);
            await stage.sql('DELETE FROM events WHERE id < (SELECT max(id) FROM events);');
            front.refuse(false);
            if (client === 'htmx 2') {
                // It sends no id any more after a refusal: then it begins at now, and no gap is told.
                return;
            }
            await has(tab, 9);
            assert.deepEqual(await rows(tab), [1, 9]);
            assert.deepEqual(await tab.run(() => window.gaps), ['trimmed']);
        }));
}

test('htmx 2: after a 503 it comes back, but its place is lost', () =>
    on('htmx 2', async ({ open, connected }) => {
        const tab = await open();
        await connected();
        await insert(1, 3);
        await has(tab, 3);
        front.refuse(true);
        front.cut();
        await refused(1);
        await insert(4, 9);
        front.refuse(false);
        const again = front.streams.length;
        await until(() => front.streams.length > again && front.streams.at(-1).status === 200, 'another try');
        await insert(10, 10);
        await has(tab, 10);
        assert.deepEqual(await rows(tab), [1, 2, 3, 10]);
    }));

for (const client of ['htmx 4', 'fetch-event-source']) {
    test(`${client}: after a 503 it comes back, and has what it missed`, () =>
        on(client, async ({ open, connected }) => {
            const tab = await open();
            await connected();
            await insert(1, 3);
            await has(tab, 3);
            front.refuse(true);
            front.cut();
            await refused(1);
            await insert(4, 9);
            front.refuse(false);
            await has(tab, 9);
            assert.deepEqual(await rows(tab), numbers(1, 9));
        }));
}

test('htmx 4: when its first connection is refused, it is dead', () =>
    on('htmx 4', async ({ open }) => {
        front.refuse(true);
        const tab = await open();
        await refused(1);
        front.refuse(false);
        // Long enough for a second try by any of its own delays: 0.5 s, 1 s.
        await new Promise((next) => setTimeout(next, 3000));
        assert.equal(front.streams.length, 1);
        assert.deepEqual(await rows(tab), []);
    }));

test('fetch-event-source and htmx 4 leave the stream while their tab is hidden, and resume', async () => {
    for (const client of ['htmx 4', 'fetch-event-source']) {
        await on(client, async ({ open, connected }) => {
            const tab = await open();
            await connected();
            await insert(1, 2);
            await has(tab, 2);
            const hide = (hidden) =>
                tab.run((value) => {
                    Object.defineProperty(document, 'hidden', { value, configurable: true });
                    document.dispatchEvent(new Event('visibilitychange'));
                }, hidden);
            await hide(true);
            await until(() => front.open() === 0, 'the stream to end');
            await insert(3, 9);
            await hide(false);
            await has(tab, 9);
            assert.deepEqual(await rows(tab), numbers(1, 9));
        });
    }
});

