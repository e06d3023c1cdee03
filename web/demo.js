// The demo page: what arrives on the stream, and what can be tried with it.
//
// The publish token stands behind '#' in the address, which browsers send to no server.  Without
// it the page only listens.
import { rowcast } from './rowcast.js';
import { showEvent, showGap, showNote, clearRows } from './demo-rows.js';
import { fillSnippets, startSnippets } from './demo-snippets.js';

const STREAM = '/sse/events';
const byId = (id) => document.getElementById(id);
const token = decodeURIComponent(location.hash.slice(1));

let session = '';
let replaying = false;
let cutAt = 0; // when the connection was cut by the button, else 0

function showState(state, words = state) {
    if (byId('state').textContent !== words) {
        byId('state').textContent = words;
    }
    byId('state').dataset.state = state;
}

function showPosition() {
    byId('position').textContent = stream.lastEventId || '–';
}

// The stream.

const stream = rowcast(STREAM);
let resumedAt = performance.getEntriesByType('navigation')[0]?.type === 'reload' ? stream.lastEventId : '';

stream.addEventListener('connected', (event) => {
    const said = JSON.parse(event.data);
    session = said.sessionId || '';
    byId('session').textContent = session || 'none';
    replaying = false;
    showState('live');
    showPosition();
    if (cutAt) {
        showNote(`back after ${((Date.now() - cutAt) / 1000).toFixed(1)} s, from where it left off`);
        cutAt = 0;
    } else if (resumedAt) {
        showNote(`connected, after the reload, from ${resumedAt}`);
    } else {
        showNote(said.reconnection ? 'connected again' : 'connected');
    }
    resumedAt = '';
});
stream.onerror = () => {
    replaying = false;
    showState('connecting', 'reconnecting');
};
stream.onopen = () => showState('live');
stream.onreplay = (event) => {
    replaying = event.type === 'replay-start';
    const { count } = JSON.parse(event.data);
    const events = count === 1 ? '1 event' : `${count} events`;
    showNote(replaying ? `${events} missed, replayed now` : 'all caught up, live from here');
};
stream.ongap = (event) => {
    showPosition();
    showGap(event.lastEventId, JSON.parse(event.data), 'This page would load its state anew now.');
};

// An EventSource hands out only the types it was asked for.
const types = new Set();
function listenTo(type) {
    const own = ['open', 'error', 'opening', 'connected', 'gap', 'replay-start', 'replay-end', 'heartbeat', 'later'];
    if (!type || types.has(type) || own.includes(type)) {
        return;
    }
    types.add(type);
    byId('types').textContent = [...types].join(', ');
    stream.addEventListener(type, (event) => {
        showPosition();
        showEvent(event, replaying);
    });
}

// Requests of publishers.

async function ask(path, parameters = {}, body = undefined) {
    const response = await fetch(`/sse/${path}?${new URLSearchParams(parameters)}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'text/plain; charset=utf-8' },
        body,
    });
    const text = await response.text();
    if (response.ok) {
        return JSON.parse(text);
    }
    let why = text;
    try {
        why = JSON.parse(text).error;
    } catch {
        // An error page of the web server: its text has to do.
    }
    throw new Error(`${response.status}: ${why}`);
}

function answer(kind, words) {
    byId('answer').dataset.kind = kind;
    byId('answer').textContent = words;
}

byId('publish').addEventListener('submit', async (event) => {
    event.preventDefault();
    const type = byId('type').value;
    listenTo(type);
    try {
        const { id } = await (byId('private').checked
            ? ask('send', { type, session }, byId('data').value)
            : ask('broadcast', { type }, byId('data').value));
        answer('good', `Published as ${id}.`);
    } catch (error) {
        answer('bad', error.message);
    }
});

// What can be tried.

byId('cut').addEventListener('click', async () => {
    if (cutAt) {
        return;
    }
    cutAt = Date.now();
    try {
        const gone = new Promise((resolve) => stream.addEventListener('error', resolve, { once: true }));
        await ask('disconnect', { session }, '');
        showNote('the server cut the connection');
        await gone;
        await ask('broadcast', { type: 'update' }, '{"message":"inserted while the connection was cut"}');
    } catch (error) {
        cutAt = 0;
        answer('bad', error.message);
    }
});
byId('reload').addEventListener('click', () => location.reload());
byId('gap').addEventListener('click', () => {
    // A stream beside the page's own, which goes on.
    const log = stream.lastEventId.split('-')[0];
    const id = log ? `${log}-999999999999` : 'none-of-yours';
    const other = new EventSource(`${STREAM}?${new URLSearchParams({ lastEventId: id })}`);
    other.addEventListener('gap', (event) => {
        other.close();
        showGap(event.lastEventId, JSON.parse(event.data), 'An application would load its state anew now. This page\'s own stream went on.');
    });
});
byId('clear').addEventListener('click', clearRows);
byId('tab').href = location.href;

// The page's own address and the log's path, in what is to be copied.

async function tellPath() {
    const placeholder = '/var/lib/rowcast/rowcast.db';
    let path = '';
    if (token) {
        try {
            path = (await ask('stats')).log.path;
        } catch (error) {
            answer('bad', `The token behind # in the address is not accepted. ${error.message}`);
        }
    }
    fillSnippets({
        origin: location.origin,
        module: new URL('rowcast.js', document.baseURI).pathname,
        token: token || 'TOKEN',
        log: path || placeholder,
    });
    byId('where').hidden = !!path;
    byId('where').textContent = path ? '' : `${placeholder} stands for your log: its path is told only to those who have the token.`;
}

if (!token) {
    for (const id of ['type', 'data', 'private', 'cut']) {
        byId(id).disabled = true;
    }
    byId('publish').querySelector('button').disabled = true;
    answer('none', 'The address has no token behind #, so this page only listens. “make run” prints the address with it.');
}
['message', 'update', 'notification', 'note', 'chat'].forEach(listenTo);
startSnippets();
tellPath();
