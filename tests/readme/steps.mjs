// What the cases of README.md have in common.
import fs from 'node:fs';

import { bash, sandbox } from './sandbox.mjs';

export const readme = fs.readFileSync(`${sandbox.checkout}/README.md`, 'utf8');
export const README_SESSION = '71b03c5a9e2d4f68';

/** The sqlite3 shell in a folder; what it printed. */
export const sqlite = (text, { cwd }, db = 'rowcast.db') =>
    bash(`sqlite3 -bail -cmd '.timeout 10000' ${db} <<'SQL'\n${text}\nSQL`, { cwd });

/** What a stream was told at its start. */
export const connected = async (stream) => {
    const [, data] = await stream.until(/event: connected\ndata: (.*)\n/);
    return JSON.parse(data);
};

/** A block's lines that are commands. */
export const lines = (text) => text.split('\n').filter((line) => line.trim() !== '');
