// What README.md names outside of its blocks: commands, files, headings.
import assert from 'node:assert/strict';
import fs from 'node:fs';

import { bash, sandbox } from './sandbox.mjs';
import { readme, statePage } from './steps.mjs';

export const names = [
    {
        name: 'every `make …` that the README names exists',
        run: async () => {
            const targets = new Set([...readme.matchAll(/`make ([a-z][a-z-]+)/g)].map(([, target]) => target));
            assert.ok(targets.has('run') && targets.size > 8);
            const database = await bash('make -pnq -f Makefile 2>/dev/null || true');
            for (const target of targets) {
                assert.match(database, new RegExp(`^${target}:`, 'm'), `make ${target}`);
            }
        },
    },
    {
        name: 'every measurement that the README names is known to the load generator',
        run: async () => {
            const known = await bash('cat tests/bench/main.c tests/bench/run.sh');
            const named = new Set([...readme.matchAll(/`bash tests\/bench\/run\.sh build (\w+)`/g)].map(([, word]) => word));
            assert.ok(named.size > 5);
            for (const word of named) {
                assert.match(known, new RegExp(`\\b${word}\\b`), word);
            }
        },
    },
    {
        name: 'every file, page and heading that README.md and docs/state.md link to is there',
        run: async () => {
            const headings = (text) =>
                [...text.matchAll(/^#+ (.*)$/gm)].map(([, words]) =>
                    words.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-')
                );
            const isThere = (of, place) => {
                const [file, heading] = place.split('#');
                const path = file ? `${sandbox.checkout}/${of.replace(/[^/]*$/, '')}${file}` : `${sandbox.checkout}/${of}`;
                return fs.existsSync(path) && (!heading || headings(fs.readFileSync(path, 'utf8')).includes(heading));
            };
            const links = (text) => [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, place]) => place);
            const missing = [
                ...links(readme).filter((place) => !isThere('README.md', place)),
                ...links(statePage).filter((place) => !isThere('docs/state.md', place)),
            ];
            assert.deepEqual(missing, []);
        },
    },
];
