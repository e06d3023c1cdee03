// Runs every fenced block of README.md in a sandbox.  Last line: `N passed, N failed`.
// run.sh starts it.  A block that no case knows is a failure, and so is a case whose block is gone.
import fs from 'node:fs';

import { hostCases } from './host.mjs';
import { names } from './names.mjs';
import { clear } from './sandbox.mjs';
import { end, siteCases, siteChecks } from './site.mjs';
import { readme } from './steps.mjs';

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

const cases = [...siteCases, ...hostCases];
const blocks = [...readme.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(([, , text]) => text);
const fences = readme.match(/^\s*(```|~~~)/gm).length;
const unused = new Set(cases);

for (const block of blocks) {
    const fitting = cases.filter(({ begins }) => block.startsWith(begins));
    const [known] = fitting;
    if (fitting.length !== 1) {
        await test(`a block is run by ${fitting.length} cases: ${block.split('\n')[0]}`, () => {
            throw new Error('each block of README.md needs one case in tests/readme/');
        });
    } else if (known.asRoot && process.getuid() !== 0) {
        unused.delete(known);
        console.log(`note: not root, not run: ${known.name}`);
    } else {
        unused.delete(known);
        await test(known.name, () => known.run(block));
    }
}
for (const { name, begins } of unused) {
    await test(`${name}: README.md has this block`, () => {
        throw new Error(`no block begins with: ${begins}`);
    });
}
for (const { name, run } of [...names, ...siteChecks]) {
    await test(name, run);
}
await test('every fence of README.md was seen as one', () => {
    if (fences !== 2 * blocks.length) {
        throw new Error(`${fences} fences, ${blocks.length} blocks`);
    }
});
await end();
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
