// A connection that is cut inside an event, after each of its bytes in turn: the next one brings the
// event whole, and once.  What a cut leaves in the browser (WebKit keeps it) must not be glued to
// the first bytes of the next connection.
// Engines: chromium firefox webkit
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { openBrowser } from './support/engines.js';
import { startFront } from './support/front.js';
import { startStage } from './support/stage.js';

const LANES = 4; // streams side by side; a browser has six connections
const PAGE = `<!doctype html><html lang="en"><title>half</title><script>
window.had = {};
window.other = [];
window.ready = 0;
for (let lane = 0; lane < ${LANES}; lane++) {
    had[lane] = [];
    const source = new EventSource('/sse/events?channel=lane' + lane);
    source.addEventListener('connected', () => ready++, { once: true });
    source.addEventListener('tick', (event) => had[lane].push([event.data, event.lastEventId]));
    source.onmessage = (event) => other.push(event.data);
}
</script></html>`;

let stage, browser, front;
before(async () => {
    stage = await startStage({ settings: { retry: 100, mark_replayed: 0 }, files: { 'half.html': PAGE } });
    front = await startFront(stage.url);
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await front?.stop();
    await stage?.stop();
});

// Two lines, and a letter of two bytes to be cut in the middle.
const text = (lane, k) => `lane ${lane}, né ${k}\nsecond line`;

test('whichever byte of an event a connection is cut after, the event comes whole, and once', async () => {
    const page = await browser.open(`${front.url}/t/half.html`);
    await page.until((lanes) => window.ready === lanes, LANES);

    const armed = new Map(); // lane -> after how many bytes of the event
    const lengths = [];
    const cuts = [];
    front.cutter = (address, bytes) => {
        const lane = Number(/lane(\d+)/.exec(address)[1]);
        const start = bytes.indexOf('event: tick\n');
        if (start < 0 || !armed.has(lane)) {
            return undefined;
        }
        const k = armed.get(lane);
        armed.delete(lane);
        lengths.push(bytes.indexOf('\n\n', start) + 2 - start);
        cuts.push(k);
        return Math.min(start + k, bytes.length);
    };

    let longest = 70;
    const ids = {};
    const walk = async (lane) => {
        for (let k = lane; k <= longest; k += LANES) {
            armed.set(lane, k);
            await stage.sql(
                `INSERT INTO events(channel, type, data) VALUES ('lane${lane}', 'tick', '${text(lane, k)}');`
            );
            await page.until((l, d) => window.had[l].some((event) => event[0] === d), lane, text(lane, k));
            longest = Math.max(...lengths);
        }
        ids[lane] = await page.run((l) => window.had[l], lane);
    };
    await Promise.all(Array.from({ length: LANES }, (_, lane) => walk(lane)));

    assert.ok(longest > 50, `an event of ${longest} bytes`);
    assert.deepEqual(
        [...new Set(cuts)].sort((a, b) => a - b),
        Array.from({ length: longest + 1 }, (_, k) => k)
    );
    for (let lane = 0; lane < LANES; lane++) {
        const wanted = [];
        for (let k = lane; k <= longest; k += LANES) {
            wanted.push(text(lane, k));
        }
        // After all bytes of an event the cut is behind it, so it was had before.
        assert.deepEqual(ids[lane].map((event) => event[0]), wanted);
        assert.equal(new Set(ids[lane].map((event) => event[1])).size, wanted.length);
        assert.ok(ids[lane].every((event) => /^[0-9a-f]{8}-\d+$/.test(event[1])));
    }
    assert.deepEqual(await page.run(() => window.other), []);
});
