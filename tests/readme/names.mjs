// What README.md names outside of its blocks: commands, files, headings.
import assert from 'node:assert/strict';
import fs from 'node:fs';

import { bash, sandbox } from './sandbox.mjs';
import { readme } from './steps.mjs';

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
        name: 'every file, page and heading that the README links to is there',
        run: async () => {
            const headings = (text) =>
                [...text.matchAll(/^#+ (.*)$/gm)].map(([, words]) =>
                    words.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-')
                );
            const isThere = (place) => {
                const [file, heading] = place.split('#');
                const path = `${sandbox.checkout}/${file || 'README.md'}`;
                return fs.existsSync(path) && (!heading || headings(fs.readFileSync(path, 'utf8')).includes(heading));
            };
            const missing = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, place]) => place).filter((place) => !isThere(place));
            assert.deepEqual(missing, []);
        },
    },
];
