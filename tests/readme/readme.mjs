// Runs every fenced block of README.md and docs/state.md in a sandbox.  Last line: `N passed, N failed`.
// run.sh starts it.  A block that no case knows is a failure, and so is a case whose block is gone.
import fs from 'node:fs';

import { hostCases } from './host.mjs';
import { names } from './names.mjs';
import { clear } from './sandbox.mjs';
import { siteCases, siteChecks } from './site.mjs';
import { stateCases, stateEnd } from './state.mjs';
import { endBrowser, readme, statePage } from './steps.mjs';

let passed = 0;
let failed = 0;
async function test(name, run) {
    const began = Date.now();
    try {
        await run();
        passed++;
        console.log(`ok   ${name} (${Date.now() - began} ms)`);
    } catch (error) {
        failed++;
        console.log(`FAILED: ${name}\n    ${String(error.stack ?? error).replaceAll('\n', '\n    ')}`);
    }
}

/** Each block of a document is run by the one case that knows how it begins. */
async function runBlocks(document, text, cases) {
    const blocks = [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(([, , block]) => block);
    const unused = new Set(cases);
    for (const block of blocks) {
        const fitting = cases.filter(({ begins }) => block.startsWith(begins));
        const [known] = fitting;
        unused.delete(known);
        if (fitting.length !== 1) {
            await test(`a block is run by ${fitting.length} cases: ${block.split('\n')[0]}`, () => {
                throw new Error(`each block of ${document} needs one case in tests/readme/`);
            });
        } else if (known.asRoot && process.getuid() !== 0) {
            console.log(`note: not root, not run: ${known.name}`);
        } else {
            await test(known.name, () => known.run(block));
        }
    }
    for (const { name, begins } of unused) {
        await test(`${name}: ${document} has this block`, () => {
            throw new Error(`no block begins with: ${begins}`);
        });
    }
    await test(`every fence of ${document} was seen as one`, () => {
        const fences = text.match(/^\s*(```|~~~)/gm).length;
        if (fences !== 2 * blocks.length) {
            throw new Error(`${fences} fences, ${blocks.length} blocks`);
        }
    });
}

await runBlocks('README.md', readme, [...siteCases, ...hostCases]);
await runBlocks('docs/state.md', statePage, stateCases);
await stateEnd();
for (const { name, run } of [...names, ...siteChecks]) {
    await test(name, run);
}
await endBrowser();
const left = await clear();
await test('nothing is left running', () => {
    if (left.length > 0) {
        throw new Error(`had to be killed: ${left}`);
    }
});

if (process.env.TALLY) {
    fs.appendFileSync(process.env.TALLY, `${passed} ${failed}\n`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
