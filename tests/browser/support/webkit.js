// WebKitGTK's MiniBrowser, driven by WebKitWebDriver (W3C WebDriver) under an Xvfb of its own.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { freePort, until } from './stage.js';

const BROWSERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'].flatMap((folder) =>
    ['4.1', '4.0'].map((version) => `${folder}/webkit2gtk-${version}/MiniBrowser`)
);

/** An X server on a display that is free: it says which through a pipe. */
async function startDisplay() {
    const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1400x1200x24', '-nolisten', 'tcp'], {
        stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    const number = await new Promise((resolve, reject) => {
        server.once('error', reject);
        server.once('exit', () => reject(new Error('Xvfb ended')));
        server.stdio[3].once('data', (text) => resolve(String(text).trim()));
    });
    return { server, name: `:${number}` };
}

const ended = (child) =>
    new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) {
            resolve();
            return;
        }
        child.once('exit', resolve);
        child.kill('SIGTERM');
    });

/** One call of the protocol; its value, or an error with what the driver said. */
async function call(base, method, where, body) {
    const response = await fetch(base + where, {
        method,
        headers: { 'Content-Type': 'application/json' },
        body: method === 'POST' ? JSON.stringify(body ?? {}) : undefined,
    });
    const { value } = await response.json();
    if (!response.ok) {
        throw new Error(`${value?.error}: ${value?.message}`);
    }
    return value;
}

// Runs a function with its arguments, waits for its promise, and passes on what it throws.
const RUN = `const [text, args, done] = arguments;
    (async () => (0, eval)('(' + text + ')')(...args))().then(
        (value) => done({ value: value === undefined ? null : value }),
        (error) => done({ error: String(error) }));`;

export async function openWebKit(withUntil) {
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-webkit-'));
    const display = await startDisplay();
    const port = await freePort();
    const driver = spawn('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], {
        stdio: 'ignore',
        env: {
            ...process.env,
            DISPLAY: display.name,
            GDK_BACKEND: 'x11',
            WEBKIT_DISABLE_COMPOSITING_MODE: '1',
            HOME: home,
            XDG_CACHE_HOME: home,
            XDG_DATA_HOME: home,
            XDG_CONFIG_HOME: home,
        },
    });
    const base = `http://127.0.0.1:${port}`;
    await until(() => fetch(`${base}/status`).then((r) => r.ok, () => false), 'WebKitWebDriver');
    const binary = BROWSERS.find((file) => fs.existsSync(file));
    const { sessionId } = await call(base, 'POST', '/session', {
        capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': { binary, args: ['--automation'] } } },
    });
    const session = `/session/${sessionId}`;

    // The protocol has one current window, so its commands go one after the other.
    let queue = Promise.resolve();
    const inWindow = (handle, use) => {
        const turn = queue.then(async () => {
            await call(base, 'POST', `${session}/window`, { handle });
            return use((method, where, body) => call(base, method, session + where, body));
        });
        queue = turn.catch(() => {});
        return turn;
    };
    const pageOf = (handle) => {
        const page = { raw: null, console: [] };
        page.run = async (fn, ...args) => {
            const { value, error } = await inWindow(handle, (command) =>
                command('POST', '/execute/async', { script: RUN, args: [String(fn), args] })
            );
            if (error) {
                throw new Error(error);
            }
            return value;
        };
        page.reload = () => inWindow(handle, (command) => command('POST', '/refresh'));
        page.close = () => inWindow(handle, (command) => command('DELETE', '/window'));
        page.resize = (width, height) =>
            inWindow(handle, (command) => command('POST', '/window/rect', { width, height }));
        page.screenshot = async (file) => {
            const image = await inWindow(handle, (command) => command('GET', '/screenshot'));
            fs.writeFileSync(file, Buffer.from(image, 'base64'));
        };
        return withUntil(page);
    };
    const first = await call(base, 'GET', `${session}/window`);

    return {
        name: 'webkit',
        raw: null,
        open: async (url) => {
            const { handle } = await inWindow(first, (command) =>
                command('POST', '/window/new', { type: 'tab' })
            );
            await inWindow(handle, (command) => command('POST', '/url', { url }));
            return pageOf(handle);
        },
        close: async () => {
            await call(base, 'DELETE', session).catch(() => {});
            await ended(driver);
            await ended(display.server);
            fs.rmSync(home, { recursive: true, force: true });
        },
    };
}
