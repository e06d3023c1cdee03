// What the cases of the documents have in common.
import fs from 'node:fs';

import { openBrowser } from '../browser/support/engines.js';
import { bash, sandbox } from './sandbox.mjs';

export const readme = fs.readFileSync(`${sandbox.checkout}/README.md`, 'utf8');
export const statePage = fs.readFileSync(`${sandbox.checkout}/docs/state.md`, 'utf8');
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

/** The responder as a CGI program: a whole answer on one log. */
export const asked = (db, query) =>
    bash(`build/rowcast.fcgi 2>/dev/null`, {
        env: {
            ROWCAST_DB: db,
            GATEWAY_INTERFACE: 'CGI/1.1',
            SERVER_PROTOCOL: 'HTTP/1.1',
            REQUEST_METHOD: 'GET',
            SCRIPT_NAME: '/sse',
            PATH_INFO: '/events',
            QUERY_STRING: query,
        },
    });

let browser = null;

/** Chromium, started when it is first needed. */
export async function theBrowser() {
    if (!browser) {
        const { TMPDIR = '/tmp' } = process.env;
        process.env.TMPDIR = sandbox.folder; // for the profile, so that it goes with the sandbox
        browser = await openBrowser('chromium');
        process.env.TMPDIR = TMPDIR;
    }
    return browser;
}
export const endBrowser = () => browser?.close();
