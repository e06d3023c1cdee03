// The cases of README.md from Hosting on, in the form of site.mjs.  `root` stands for / there.  What is
// checked for its form only: `adduser`, `systemctl daemon-reload` (stand-in.sh has the rest).
import assert from 'node:assert/strict';
import fs from 'node:fs';

import { bash, follow, front, rewrite, root, sandbox, start, until } from './sandbox.mjs';
import { README_SESSION, connected, lines, readme, sqlite } from './steps.mjs';

const host = {}; // {cwd: /var/lib/rowcast, root, url, supervisor, stream, session}

/** A socket file is there before its socket accepts: the kernel's flag says when it does. */
const listens = (socket) =>
    lines(fs.readFileSync('/proc/net/unix', 'utf8')).some(
        (line) => line.endsWith(` ${socket}`) && line.split(/ +/)[3] === '00010000'
    );

export const hostCases = [
    {
        begins: 'make && sudo make install PREFIX=/usr      #',
        name: 'make install puts everything where the README says',
        run: async (block) => {
            host.root = root('root');
            await bash(block, { env: { DESTDIR: host.root } });
            const [, said] = /# (.*)/.exec(block);
            for (const place of said.split(', ')) {
                assert.ok(fs.existsSync(host.root + place), place);
            }
            const program = `${host.root}/usr/lib/cgi-bin/rowcast.fcgi`;
            assert.match(await bash(`${program} --version`), /\d/);
        },
    },
    {
        begins: 'install -d -m 2770 -o www-data -g www-data /var/lib/rowcast',
        name: 'the directory is for the web server and its group, and --check makes the log in it',
        asRoot: true,
        run: async (block) => {
            host.cwd = `${host.root}/var/lib/rowcast`;
            fs.mkdirSync(`${host.root}/var/lib`, { recursive: true });
            // Without ROWCAST_DB it would be the true /var/lib/rowcast.
            assert.match(await bash(`rowcast.fcgi --help`), /\/var\/lib\/rowcast\/rowcast\.db\)/);
            const said = await bash(
                rewrite(block, { '/var/lib/rowcast': host.cwd, '/usr/lib/cgi-bin': `${host.root}/usr/lib/cgi-bin` }),
                { env: { ROWCAST_DB: `${host.cwd}/rowcast.db` } }
            );
            assert.equal(await bash(`stat -c '%a %U %G' .`, { cwd: host.cwd }), '2770 www-data www-data\n', said);
            assert.equal(await bash(`stat -c '%a %U %G' rowcast.db`, { cwd: host.cwd }), '660 www-data www-data\n');
            assert.equal(await bash(`stat -c '%a %U' rowcast.db.sessions`, { cwd: host.cwd }), '600 www-data\n');
            assert.match(fs.readFileSync(`${sandbox.folder}/asked`, 'utf8'), /^adduser alice www-data$/m);
        },
    },
    {
        begins: 'rowcast.fcgi --processes 2 --listen /run/rowcast/rowcast.socket',
        name: 'a supervisor holds a socket for the web server’s group, and two processes serve it',
        asRoot: true,
        run: async (block) => {
            const run = `${host.root}/run/rowcast`;
            await bash(`install -d -o www-data -g www-data ${run}`);
            const command = rewrite(block, { '/run/rowcast': run, '/var/lib/rowcast': host.cwd });
            host.supervisor = start(`exec sudo -u www-data ${command}`, { cwd: host.cwd });
            await until(() => listens(`${run}/rowcast.socket`), () => host.supervisor.text());
            host.url = await front(`${run}/rowcast.socket`, host.root);
            const stream = follow(`${host.url}/sse/events`);
            await connected(stream);
            assert.equal(await bash(`stat -c '%a %G' ${run}/rowcast.socket`), '660 www-data\n');
            await sqlite(`INSERT INTO events(data) VALUES ('by the socket');`, host);
            await stream.until(/data: by the socket\n/);
            const { pid } = host.supervisor.child;
            await until(
                () => lines(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').replaceAll(' ', '\n')).length === 2,
                'two processes'
            );
            await stream.stop();
        },
    },
    {
        begins: 'make && sudo make install PREFIX=/usr\nsudo systemd-sysusers',
        name: 'the units make account, directory and socket, serve, and a reload replaces the processes',
        asRoot: true,
        run: async (block) => {
            const where = root('units');
            fs.mkdirSync(`${where}/var/lib`, { recursive: true });
            const commands = lines(block);
            const reload = commands.pop();
            assert.match(reload, /^sudo systemctl reload rowcast /);
            const options = { env: { DESTDIR: where }, root: where };
            await bash(commands.join('\n'), options);
            const account = await bash(`awk -F: '$1 == "rowcast" { print $3 }' ${where}/etc/passwd`);
            assert.equal(await bash(`stat -c '%a %u' ${where}/var/lib/rowcast`), `2770 ${account}`);
            assert.match(
                fs.readFileSync(`${sandbox.folder}/asked`, 'utf8'),
                /^systemctl daemon-reload\n[^]*^adduser alice rowcast$/m
            );
            for (const unit of ['sockets.target.wants/rowcast.socket', 'multi-user.target.wants/rowcast.service']) {
                assert.ok(fs.lstatSync(`${where}/etc/systemd/system/${unit}`).isSymbolicLink(), unit);
            }

            await until(() => listens(`${where}/run/rowcast/rowcast.socket`), 'the socket');
            const url = await front(`${where}/run/rowcast/rowcast.socket`, where);
            const stream = follow(`${url}/sse/events`);
            await connected(stream);
            const pid = fs.readFileSync(`${sandbox.folder}/unit.pid`, 'utf8').trim();
            const children = () => fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
            const before = await until(() => children().length === 2 && children(), 'two processes');
            await bash(reload, options);
            await until(() => children().every((child) => !before.includes(child)), 'new processes');
            await stream.over();
            assert.match(stream.text(), /event: later\n/);
        },
    },
    {
        begins: `umask 077; sqlite3 rowcast.db -cmd '.timeout 10000' "VACUUM INTO 'copy.db'"`,
        name: 'a backup is made and restored under a running stream, which is told',
        asRoot: true,
        run: async (block) => {
            const [copy, epoch, restore, ...more] = lines(block);
            assert.deepEqual(more, []);
            const stream = follow(`${host.url}/sse/events`);
            await connected(stream);
            await bash(copy, host);
            assert.equal(await bash('stat -c %a copy.db', host), '600\n');
            await sqlite(`INSERT INTO events(data) VALUES ('after the copy');`, host);
            await stream.until(/data: after the copy\n/);
            await bash(epoch, host);
            await bash(restore, host);
            await stream.until(/event: gap\ndata: {"reason":"epoch"/);
            const rows = await sqlite('SELECT data FROM events;', host);
            assert.deepEqual(lines(rows), ['by the socket']);
            await stream.stop();
        },
    },
    {
        begins: 'sqlite3 rowcast.db "SELECT mailbox, kept, trimmed_to FROM rowcast_channels"',
        name: 'the shell shows what is kept, and who is there',
        asRoot: true,
        run: async (block) => {
            host.stream = follow(`${host.url}/sse/events`, '-A', 'seen by the shell');
            host.session = (await connected(host.stream)).sessionId;
            const [mailbox, session] = lines(await bash(block, host));
            assert.equal(mailbox, '|1|0', 'the mailbox for everyone, one row, none trimmed');
            assert.match(await bash(block, host), new RegExp(`^${host.session}\\|\\d+\\|0\\|seen by the shell$`, 'm'), session);
        },
    },
    {
        begins: 'sudo -u www-data sqlite3 -init /usr/share/rowcast/sql/views.sql',
        name: 'the views show the clients',
        asRoot: true,
        run: async (block) => {
            const said = await bash(rewrite(block, { '/usr/share': `${host.root}/usr/share` }), host);
            assert.match(said, new RegExp(`${host.session}.*seen by the shell`));
            const [, names] = /has views over both files: (.*):\n/.exec(readme);
            for (const [, view] of names.matchAll(/`(\w+)`/g)) {
                await bash(rewrite(block, { '/usr/share': `${host.root}/usr/share`, '* FROM clients': `* FROM ${view}` }), host);
            }
        },
    },
    {
        begins: 'sudo -u www-data sqlite3 rowcast.db.sessions "DELETE FROM sessions',
        name: 'deleting a session ends its stream',
        asRoot: true,
        run: async (block) => {
            await bash(rewrite(block, { [README_SESSION]: host.session }), host);
            await host.stream.over();
            const left = await sqlite(`SELECT count(*) FROM sessions WHERE id = '${host.session}';`, host, 'rowcast.db.sessions');
            assert.equal(left.trim(), '0');
            await host.supervisor.stop();
        },
    },
];
