// The chat over htmx: the stream, the list and the form are attributes in chat-htmx.html, and the
// elements are HTML made by SQL.  Here is only what htmx cannot know.
import { answer, authorization, byId, canWrite, newKey, noToken, sentence, setState } from './common.js';

const form = byId('say');

// htmx is no part of this repository: the page says how it gets here.
byId('missing').hidden = Boolean(window.htmx);
byId('chat').hidden = !window.htmx;
setState('connecting', window.htmx ? 'connecting' : 'htmx is missing');

// A stream that htmx opened anew begins with the newest 50 again (it forgets the id after a 503).
// What stands here already is skipped, and so is the end of a message that does not stand here.
document.addEventListener('htmx:sseBeforeMessage', (event) => {
    const [, id, ends] = /^<li id="(message-\d+)"( hx-swap-oob)?/.exec(event.detail.data) || [];
    if (Boolean(byId(id)) !== Boolean(ends)) {
        event.preventDefault();
    }
});
document.addEventListener('htmx:sseMessage', () => {
    byId('log').scrollTop = byId('log').scrollHeight;
});

// Events are missing: load the state anew, at most once a minute.
function reload() {
    const due = Number(sessionStorage.reloadedAt || 0) + 60000;
    setTimeout(() => {
        sessionStorage.reloadedAt = Date.now();
        location.reload();
    }, due - Date.now());
}

const known = new WeakSet();
document.addEventListener('htmx:sseOpen', ({ detail: { source } }) => {
    setState('live', 'live');
    if (!known.has(source)) {
        known.add(source);
        source.addEventListener('gap', reload);
    }
});
document.addEventListener('htmx:sseError', () => setState('connecting', 'reconnecting'));

// The form's two fields go as one JSON value, with the token, and with a key.
document.addEventListener('htmx:configRequest', ({ detail }) => {
    Object.assign(detail.headers, authorization);
    detail.parameters = {
        data: JSON.stringify({ name: byId('name').value, text: byId('text').value }),
        dedup_key: newKey(),
    };
});
document.addEventListener('htmx:afterRequest', ({ detail: { successful, xhr } }) => {
    if (successful) {
        byId('text').value = '';
        answer('good', '');
    } else {
        answer('bad', xhr.status ? sentence(xhr.status, xhr.responseText) : 'The server is not there.');
    }
    byId('text').focus();
});

byId('name').value = localStorage.getItem('rowcast-example-name') || '';
byId('name').addEventListener('change', () => localStorage.setItem('rowcast-example-name', byId('name').value));
if (!canWrite) {
    form.querySelector('button').disabled = true;
    answer('bad', noToken);
}
