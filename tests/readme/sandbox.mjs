// The sandbox of the README's test: a temporary folder with a copy of the checkout, a folder that
// stands for /, and stand-ins for what would change the machine (stand-in.sh).
//
//   sandbox.checkout, sandbox.folder
//   root(name)                 a folder that stands for /
//   await bash(text, {cwd, env, root})      its standard output; fails if it failed, with all it said
//   start(text, {…})           the same in the background: {text(): all it said, until(/…/),
//                              over(): when it ended by itself, stop()}
//   follow(url, …arguments)    curl on a stream, in the same way
//   await front(socket, root)  lighttpd from conf/lighttpd-socket.conf.example; its address
//   rewrite(text, {from: to})  each `from` has to be there
//   await clear()              ends what was started and removes the folder; what had to be killed
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const source = path.resolve(here, '../..');
const DEADLINE_MS = 20000;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-readme-'));
const checkout = `${folder}/checkout`;
export const sandbox = { folder, checkout };

let clearing = false;
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) {
    process.on(signal, () => clear().finally(() => process.exit(1)));
}

fs.chmodSync(folder, 0o755);
for (const name of ['sudo', 'pkill', 'adduser', 'systemctl', 'systemd-sysusers', 'systemd-tmpfiles', 'apt-get']) {
    fs.mkdirSync(`${folder}/stand-ins`, { recursive: true });
    fs.symlinkSync(`${here}/stand-in.sh`, `${folder}/stand-ins/${name}`);
}
fs.mkdirSync(checkout);
// With what is built, so that `make` finds nothing to do where the checkout is built.
const copied = spawnSync(
    'bash',
    [
        '-c',
        `set -o pipefail; tar -C "$1" --exclude=./.git --exclude=node_modules --exclude='./build-*' --exclude=./build/run \\
             --exclude=./build/unit --exclude=./build/scenario --exclude=./build/tests --exclude='./build/tidy.*' -cf - . |
             tar -C "$2" -xf - && rm -rf "$2/web/readme" && chmod 755 "$2"`,
        'copy',
        source,
        checkout,
    ],
    { encoding: 'utf8' }
);
if (copied.status !== 0) {
    throw new Error(copied.stderr);
}

export function root(name) {
    const where = `${folder}/${name}`;
    fs.mkdirSync(`${where}/etc`, { recursive: true });
    return where;
}

const environment = (where) => {
    // Not of the machine that runs the test, nor of the `make` that does.
    const kept = Object.entries(process.env).filter(([name]) => !/^(ROWCAST_|MAKE|MFLAGS|BUILD$|DESTDIR|PREFIX|npm_)/.test(name));
    return {
        ...Object.fromEntries(kept),
        SANDBOX: folder,
        ROOT: where,
        PATH: `${folder}/stand-ins:${where}/usr/lib/cgi-bin:/usr/sbin:${process.env.PATH}`,
    };
};

export async function until(condition, what) {
    for (const limit = Date.now() + DEADLINE_MS; ; ) {
        const value = await condition();
        if (value) {
            return value;
        }
        if (Date.now() > limit) {
            throw new Error(`waited for: ${typeof what === 'function' ? what() : what}`);
        }
        await new Promise((next) => setTimeout(next, 20));
    }
}

const started = new Set();

export function start(text, { cwd = checkout, env = {}, root: where = root('root') } = {}) {
    if (clearing) {
        throw new Error('interrupted');
    }
    const child = spawn('bash', ['-e', '-c', `umask 022\n${text}`], {
        cwd,
        env: { ...environment(where), ...env },
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    let out = '';
    const running = { child, text: () => said, out: () => out, exited: null };
    child.stdout.on('data', (bytes) => {
        said += bytes;
        out += bytes;
    });
    child.stderr.on('data', (bytes) => (said += bytes));
    running.ended = new Promise((resolve) =>
        child.on('close', (code, signal) => {
            running.exited = code ?? signal;
            started.delete(running);
            resolve(running.exited);
        })
    );
    running.until = (pattern) =>
        until(
            () => {
                if (running.exited !== null && !pattern.test(said)) {
                    throw new Error(`ended (${running.exited}) without ${pattern}:\n${said}`);
                }
                return pattern.exec(said);
            },
            () => `${pattern} in:\n${said}`
        );
    running.over = () => until(() => running.exited !== null, () => `the end of ${text}, which said:\n${said}`);
    running.stop = async () => {
        if (running.exited === null) {
            try {
                process.kill(-child.pid, 'SIGTERM');
            } catch {
                // It ended just now.
            }
        }
        await running.ended;
    };
    started.add(running);
    return running;
}

export async function bash(text, options) {
    const running = start(text, options);
    const late = setTimeout(() => process.kill(-running.child.pid, 'SIGKILL'), 2 * DEADLINE_MS);
    const status = await running.ended;
    clearTimeout(late);
    if (status !== 0) {
        throw new Error(`status ${status} of\n${text}\n${running.text()}`);
    }
    return running.out();
}

const quoted = (text) => `'${String(text).replaceAll("'", `'\\''`)}'`;
export const follow = (url, ...given) => start(`exec curl -sN ${given.map(quoted).join(' ')} ${quoted(url)}`);

export const freePort = () =>
    new Promise((resolve) => {
        const server = net.createServer().listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });

export async function front(socket, where) {
    const port = await freePort();
    const file = `${where}/lighttpd.conf`;
    fs.writeFileSync(
        file,
        `server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${where}"
server.errorlog = "${where}/lighttpd.log"
var.rowcast_socket = "${socket}"
var.rowcast_later = "${where}/usr/lib/cgi-bin/rowcast-later.cgi"
var.rowcast_web = "${where}/usr/share/rowcast/web"
include "${where}/usr/share/doc/rowcast/conf/lighttpd-socket.conf.example"
`
    );
    const server = start(`exec lighttpd -D -f ${file}`);
    const url = `http://127.0.0.1:${port}`;
    await until(() => {
        if (server.exited !== null) {
            throw new Error(`lighttpd ended: ${server.text()}`);
        }
        return fetch(url).then(() => true, () => false);
    }, 'lighttpd');
    return url;
}

export function rewrite(text, table) {
    for (const [from, to] of Object.entries(table)) {
        if (!text.includes(from)) {
            throw new Error(`the snippet has no ${from}:\n${text}`);
        }
        text = text.replaceAll(from, to);
    }
    return text;
}

/** The processes that run with a file of the sandbox in their command line or as their program. */
export const processes = () =>
    fs
        .readdirSync('/proc')
        .filter((entry) => /^\d+$/.test(entry) && +entry !== process.pid)
        .filter((entry) => {
            try {
                return (
                    fs.readlinkSync(`/proc/${entry}/exe`).startsWith(`${folder}/`) ||
                    fs.readFileSync(`/proc/${entry}/cmdline`, 'latin1').includes(`${folder}/`)
                );
            } catch {
                return false;
            }
        })
        .map(Number);

export async function clear() {
    clearing = true;
    await Promise.all([...started].map((running) => running.stop()));
    for (const pid of processes()) {
        try {
            process.kill(pid, 'SIGTERM');
        } catch {
            // It ended just now.
        }
    }
    let left = [];
    try {
        await until(() => (left = processes()).length === 0, 'the end of everything');
    } catch {
        left.forEach((pid) => process.kill(pid, 'SIGKILL'));
    }
    fs.rmSync(folder, { recursive: true, force: true });
    return left;
}
