// A page that is loaded anew on a gap, by the function of the README, while each connection tells one.
// Engines: chromium
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { openBrowser } from './support/engines.js';
import { startStage } from './support/stage.js';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const [reload] = /^function reload\(\) \{[\s\S]*?^\}/m.exec(readme);

// The id in the address is of another log, so that every load is told of a gap.
const PAGE = `<!doctype html><html lang="en"><title>reload</title><script>
${reload}
sessionStorage.loads = Number(sessionStorage.loads || 0) + 1;
window.said = { gaps: 0, rows: 0 };
const source = new EventSource('/sse/events?lastEventId=ffffffff-1');
source.addEventListener('gap', () => said.gaps++);
source.addEventListener('gap', reload);
source.onmessage = () => said.rows++;
</script></html>`;

let stage, browser;
before(async () => {
    stage = await startStage({ files: { 'reload.html': PAGE } });
    browser = await openBrowser();
});
after(async () => {
    await browser?.close();
    await stage?.stop();
});

test('it is loaded anew once, and then stays for a minute', async () => {
    const page = await browser.open(`${stage.url}/t/reload.html`);
    await page.until(() => sessionStorage.loads === '2' && window.said.gaps === 1);
    await stage.insert('message', 'it lives');
    await page.until(() => window.said.rows === 1);
    assert.equal(await page.run(() => sessionStorage.loads), '2');
    await page.close();
});
