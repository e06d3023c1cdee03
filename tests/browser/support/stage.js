// The stage: a temporary folder with a log, and a real lighttpd on a free port that runs the
// responder from lighttpd.conf.example.
//
//   const stage = await startStage({ settings: { retry: 100 }, files: { 'x.html': '…' } });
//   stage.url, stage.db, stage.token, stage.folder
//   await stage.sql('INSERT …')           the sqlite3 shell on the log; what it printed
//   await stage.insert(type, data)        a row by that shell; its id, a number
//   await stage.insertMany(type, 1, 9)    rows with the data 1 … 9, in one transaction
//   await stage.killResponder()           kill -9; lighttpd starts another
//   await stage.stopServer(), await stage.startServer()      on the same port
//   await stage.stop()                    ends what it started, removes the folder
//
// The pages of web/, or of the folder `web`, are at / and at /rowcast/, with the policy of lighttpd.conf.example; `files` and
// blank.html are at /t/, without.
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
const DEADLINE_MS = 45000; // a client whose server refused it waits for up to 30 s

export const freePort = () =>
    new Promise((resolve, reject) => {
        const server = net.createServer();
        server.on('error', reject);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });

/** Waits until condition() is true, also asynchronously, and returns its value. */
export async function until(condition, what) {
    for (const limit = Date.now() + DEADLINE_MS; ; ) {
        const value = await condition();
        if (value) {
            return value;
        }
        if (Date.now() > limit) {
            throw new Error(`waited for: ${what}`);
        }
        await new Promise((next) => setTimeout(next, 20));
    }
}

const quoted = (text) => `'${String(text).replaceAll("'", "''")}'`;

/** The sqlite3 shell, fed through its standard input. */
export const shell = (db, text) =>
    new Promise((resolve, reject) => {
        const child = execFile('sqlite3', ['-bail', '-cmd', '.timeout 10000', db], (error, out, err) =>
            error ? reject(new Error(err || String(error))) : resolve(out.trim())
        );
        child.stdin.end(text);
    });

function configuration(stage, program, port) {
    const { folder } = stage;
    return `
server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${root}/web"
server.errorlog = "${folder}/lighttpd.log"
mimetype.assign = (
    ".html" => "text/html; charset=utf-8",
    ".css"  => "text/css; charset=utf-8",
    ".js"   => "text/javascript; charset=utf-8",
    ".sql"  => "text/plain; charset=utf-8"
)
var.rowcast_program = "${program}"
var.rowcast_db      = "${stage.db}"
var.rowcast_socket  = "${folder}/rowcast.socket"
var.rowcast_log     = "${folder}/rowcast.log"
var.rowcast_later   = "${root}/packaging/rowcast-later.cgi"
var.rowcast_web     = "${stage.web}"
include "${root}/lighttpd.conf.example"
$HTTP["url"] =~ "^/t/" { alias.url = ( "/t/" => "${folder}/t/" ) }
# The pages at /, as packaging/run.sh has them.
server.modules += ( "mod_rewrite" )
url.rewrite-once = ( "^/(?!(?:sse|rowcast|t)(?:[/?]|$)|rowcast-(?:later|down))(.*)" => "/rowcast/$1" )
`;
}

/** The processes that are children of pid, by name. */
function children(pid, name) {
    const found = [];
    for (const entry of fs.readdirSync('/proc').filter((e) => /^\d+$/.test(e))) {
        try {
            const stat = fs.readFileSync(`/proc/${entry}/stat`, 'latin1');
            const [, comm, rest] = /^\d+ \((.*)\) (.*)$/s.exec(stat);
            const [state, parent] = rest.split(' ');
            if (+parent === pid && comm === name && state !== 'Z') {
                found.push(+entry);
            }
        } catch {
            // It ended just now.
        }
    }
    return found;
}

export async function startStage({ settings = {}, files = {}, web = `${root}/web` } = {}) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rowcast-stage-'));
    const program = path.resolve(root, process.env.ROWCAST_PROGRAM ?? 'build/rowcast.fcgi');
    const port = await freePort();
    const stage = { folder, web, url: `http://127.0.0.1:${port}`, db: `${folder}/rowcast.db`, token: 'of-the-stage' };
    let server = null;

    stage.sql = (text) => shell(stage.db, text);
    stage.insert = async (type, data) =>
        Number(
            await stage.sql(
                `INSERT INTO events(type, data) VALUES (${quoted(type)}, ${quoted(data)});
                 SELECT last_insert_rowid();`
            )
        );
    stage.insertMany = (type, from, to) =>
        stage.sql(`WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to})
                   INSERT INTO events(type, data) SELECT ${quoted(type)}, i FROM n;`);
    stage.killResponder = async () => {
        const [pid] = await until(() => {
            const pids = children(server.pid, 'rowcast.fcgi');
            return pids.length > 0 && pids;
        }, 'a responder');
        process.kill(pid, 'SIGKILL');
        await until(() => !children(server.pid, 'rowcast.fcgi').includes(pid), 'the responder to be gone');
    };
    stage.stopServer = async () => {
        const ended = new Promise((resolve) => server.once('exit', resolve));
        const responders = children(server.pid, 'rowcast.fcgi');
        server.kill('SIGTERM');
        await ended;
        server = null;
        // lighttpd does not wait for them.
        await until(() => !responders.some((pid) => fs.existsSync(`/proc/${pid}`)), 'the responders to end');
    };
    stage.startServer = async () => {
        server = spawn('lighttpd', ['-D', '-f', `${folder}/lighttpd.conf`], { stdio: 'inherit' });
        const running = server;
        await until(async () => {
            if (running.exitCode !== null) {
                throw new Error(`lighttpd ended: ${fs.readFileSync(`${folder}/lighttpd.log`, 'utf8')}`);
            }
            return fetch(`${stage.url}/t/blank.html`).then((r) => r.ok, () => false);
        }, 'lighttpd');
    };
    stage.stop = async () => {
        if (server) {
            await stage.stopServer();
        }
        fs.rmSync(folder, { recursive: true, force: true });
    };

    await stage.sql(fs.readFileSync(`${root}/sql/schema.sql`, 'utf8'));
    for (const [name, value] of Object.entries({ publish_token: stage.token, ...settings })) {
        await stage.sql(`UPDATE rowcast_config SET value = ${quoted(value)} WHERE name = ${quoted(name)};`);
    }
    fs.mkdirSync(`${folder}/t`);
    const own = { 'blank.html': '<!doctype html><html lang="en"><title>blank</title></html>\n', ...files };
    for (const [name, text] of Object.entries(own)) {
        fs.writeFileSync(`${folder}/t/${name}`, text);
    }
    fs.writeFileSync(`${folder}/lighttpd.conf`, configuration(stage, program, port));
    try {
        await stage.startServer();
    } catch (error) {
        await stage.stop();
        throw error;
    }
    return stage;
}
