// The demo page: what arrives on the stream, and a form that publishes.
//
// The publish token stands behind '#' in the address, which browsers send to no server.
'use strict';

const ROWS_KEPT = 500;
const byId = (id) => document.getElementById(id);
const token = decodeURIComponent(location.hash.slice(1));

let source = null;
let session = '';
let replaying = false;
let lastId = '';
let received = 0;

function setState(state, words) {
    byId('state').dataset.state = state;
    byId('state').textContent = words;
    byId('toggle').textContent = state === 'closed' ? 'Connect' : 'Disconnect';
}

function showRow(how, id, type, data) {
    const row = document.createElement('tr');
    row.dataset.how = how;
    for (const text of [id, type, how, data]) {
        const cell = document.createElement('td');
        cell.textContent = text;
        row.append(cell);
    }
    const rows = byId('events');
    rows.prepend(row);
    while (rows.rows.length > ROWS_KEPT)
        rows.deleteRow(-1);
    byId('empty').hidden = true;
}

function sawId(id) {
    if (id) {
        lastId = id;
        byId('last').textContent = id;
    }
}

function showEvent(event) {
    received++;
    byId('count').textContent = String(received);
    sawId(event.lastEventId);
    showRow(replaying ? 'replayed' : 'live', event.lastEventId, event.type, event.data);
}

// What the stream says about itself.
const ownWords = {
    connected(event) {
        const said = JSON.parse(event.data);
        session = said.sessionId || '';
        byId('session').textContent = session || 'none';
        setState('live', 'live');
        showRow('stream', event.lastEventId, 'connected', event.data);
    },
    gap(event) {
        showRow('gap', event.lastEventId, 'gap', event.data);
    },
    'replay-start'(event) {
        replaying = true;
        showRow('stream', '', 'replay-start', event.data);
    },
    'replay-end'(event) {
        replaying = false;
        showRow('stream', '', 'replay-end', event.data);
    },
    heartbeat() {},
    later() {
        setState('connecting', 'the server asks to come back later');
    },
};

// An EventSource hands out only the types it was asked for.
const types = new Set(['message']);
function listenTo(type) {
    if (types.has(type) || type in ownWords)
        return;
    types.add(type);
    if (source)
        source.addEventListener(type, showEvent);
}

function connect() {
    // A page that connects anew has to say its last event id itself.
    const position = lastId ? '?lastEventId=' + encodeURIComponent(lastId) : '';
    source = new EventSource('sse/events' + position);
    replaying = false;
    setState('connecting', 'connecting');
    for (const [type, handle] of Object.entries(ownWords))
        source.addEventListener(type, (event) => {
            sawId(event.lastEventId);
            handle(event);
        });
    for (const type of types)
        source.addEventListener(type, showEvent);
    source.onerror = () => {
        replaying = false;
        if (source.readyState === EventSource.CLOSED)
            setState('closed', 'refused by the server');
        else
            setState('connecting', 'reconnecting');
    };
}

function disconnect() {
    source.close();
    source = null;
    setState('closed', 'disconnected');
}

function answer(kind, words) {
    byId('answer').dataset.kind = kind;
    byId('answer').textContent = words;
}

async function publish(type, data, onlyHere) {
    const query = new URLSearchParams({ type });
    if (onlyHere)
        query.set('session', session);
    const response = await fetch(`sse/${onlyHere ? 'send' : 'broadcast'}?${query}`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'text/plain; charset=utf-8' },
        body: data,
    });
    const text = await response.text();
    if (response.ok)
        return text;
    let why = text;
    try {
        why = JSON.parse(text).error;
    } catch {
        // An error page of the web server: its text has to do.
    }
    throw new Error(`${response.status}: ${why}`);
}

byId('publish').addEventListener('submit', async (event) => {
    event.preventDefault();
    const type = byId('type').value;
    listenTo(type);
    const button = event.target.querySelector('button');
    button.disabled = true;
    try {
        answer('good', 'published ' + await publish(type, byId('data').value, byId('private').checked));
    } catch (error) {
        answer('bad', error.message);
    }
    button.disabled = false;
});
byId('type').addEventListener('change', () => listenTo(byId('type').value));
byId('toggle').addEventListener('click', () => (source ? disconnect() : connect()));
byId('clear').addEventListener('click', () => {
    byId('events').replaceChildren();
    byId('empty').hidden = false;
});

if (!token)
    answer('bad', 'The address has no token behind #: this page shows events, and cannot publish.');
for (const type of ['update', 'notification', 'note', 'chat'])
    listenTo(type);
connect();
