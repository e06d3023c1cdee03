// axe-core in a page: what a rule says against it, one line each; [] is what is wanted.
//   assert.deepEqual(await axeViolations(page), [])
import fs from 'node:fs';

const source = fs.readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

export async function axeViolations(page) {
    // By the debugger, so that the page's Content-Security-Policy stays as it is.
    await page.raw.evaluate(`${source}; undefined`);
    return page.run(async () => {
        const { violations } = await window.axe.run(document, {
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        });
        return violations.flatMap(({ id, nodes }) =>
            nodes.map((node) => `${id}: ${node.target.join(' ')}: ${node.failureSummary}`)
        );
    });
}
