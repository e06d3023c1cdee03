// What the examples share: a plain EventSource with the words that tell its state, and the way a
// page writes here.
//
// The publish token stands behind '#' in the address, which browsers send to no server.
const token = decodeURIComponent(location.hash.slice(1).split('&')[0]);

export const byId = (id) => document.getElementById(id);
export const canWrite = token !== '';
export const noToken =
    'The address has no token behind #, so this page shows and cannot write. `make run` prints an address with one.';

/** Tells the state of the stream, in the element #state. */
export function setState(state, words) {
    byId('state').dataset.state = state;
    byId('state').textContent = words;
}

/** Tells what became of what the reader did, in the element #answer. */
export function answer(kind, words) {
    byId('answer').dataset.kind = kind;
    byId('answer').textContent = words;
}

/**
 * Opens the stream and hands each event's JSON to handlers[type].  begin() empties the page, loads
 * what it loads besides the stream, and returns the position after which the stream begins.  Where
 * events are missing it is called again, and the page begins anew.  When the browser comes back by
 * itself, it sends the last id it had, and that counts.
 */
export function listen(address, handlers, begin) {
    let position = '';
    let beganAnewAt = 0;
    const later = (next) => setTimeout(next, 2000 + 2000 * Math.random());

    function open() {
        const source = new EventSource(`${address}&lastEventId=${position}`);
        for (const [type, handle] of Object.entries(handlers)) {
            source.addEventListener(type, (event) => {
                position = event.lastEventId || position;
                handle(JSON.parse(event.data));
            });
        }
        source.addEventListener('connected', () => setState('live', 'live'));
        source.addEventListener('gap', () => {
            source.close();
            const due = beganAnewAt + 60000; // at most once a minute, whatever the server says
            setTimeout(() => {
                beganAnewAt = Date.now();
                start();
            }, due - Date.now());
        });
        source.onerror = () => {
            setState('connecting', 'reconnecting');
            // After a 503 a browser gives up.  ../rowcast.js knows a better rhythm than this.
            if (source.readyState === EventSource.CLOSED) {
                later(open);
            }
        };
    }
    async function start() {
        try {
            position = await begin();
            open();
        } catch {
            later(start); // what begin() loads was not to be had
        }
    }
    setState('connecting', 'connecting');
    start();
}

/** 32 hex digits; crypto.randomUUID() is not there without https. */
export function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What a page says when something was refused: the sentence of the answer, if it has one. */
export function sentence(status, text) {
    try {
        return JSON.parse(text).error;
    } catch {
        return `The server answered ${status}.`;
    }
}

export const authorization = { Authorization: `Bearer ${token}` };

/**
 * Publishes value to the channel, whose trigger in app.sql writes the table.  While the responder
 * is down it tries again; with the same key nothing is written twice.  Throws an Error with the
 * sentence when a rule says no.
 */
export async function write(channel, type, value) {
    const query = new URLSearchParams({ channel, type, dedup_key: newKey() });
    for (let tries = 1; ; tries++) {
        const response = await fetch('/sse/broadcast?' + query, {
            method: 'POST',
            headers: { ...authorization, 'Content-Type': 'application/json' },
            body: JSON.stringify(value),
        }).catch(() => null);
        if (response?.ok) {
            return;
        }
        if (tries === 20 || (response && response.status !== 503)) {
            throw new Error(response ? sentence(response.status, await response.text()) : 'The server is not there.');
        }
        await new Promise((done) => setTimeout(done, 500));
    }
}

/** Links between the pages keep the token; each line to copy gets a button. */
for (const link of document.querySelectorAll('a[data-keep]')) {
    link.hash = location.hash;
}
for (const line of document.querySelectorAll('pre[data-copy]')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'Copy';
    button.addEventListener('click', async () => {
        try {
            await navigator.clipboard.writeText(line.textContent);
            button.textContent = 'Copied';
        } catch {
            getSelection().selectAllChildren(line); // no clipboard without https: at least mark it
            button.textContent = 'Marked';
        }
        setTimeout(() => (button.textContent = 'Copy'), 2000);
    });
    line.after(button);
}
