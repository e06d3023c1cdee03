// The chat: the last messages come as JSON in one answer, what follows over a plain EventSource.
// Messages are JSON, elements are made here.
import { answer, byId, canWrite, listen, noToken, sentence, write } from './common.js';

const SHOWN = 200;
const messages = byId('messages');

function part(tag, className, text) {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text; // text: what somebody wrote cannot become markup
    return element;
}

function said({ id, name, text, said_at }) {
    if (byId('message-' + id)) {
        return;
    }
    const at = new Date(said_at);
    const time = part('time', '', at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }));
    time.dateTime = at.toISOString();
    const who = part('p', 'who', '');
    who.append(part('b', '', name), ' ', time);
    const item = part('li', '', '');
    item.id = 'message-' + id;
    item.append(who, part('p', 'text', text));

    const log = byId('log');
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    messages.append(item);
    while (messages.children.length > SHOWN) {
        messages.firstChild.remove();
    }
    if (atEnd) {
        log.scrollTop = log.scrollHeight; // who reads further up is left alone
    }
}

/** The last messages as JSON, in one answer; its `next` is where the stream goes on. */
async function begin() {
    const response = await fetch('/sse/history?channel=chat&types=said,unsaid&limit=50');
    if (!response.ok) {
        throw new Error(sentence(response.status, await response.text()));
    }
    const { events, next } = await response.json();
    messages.replaceChildren();
    for (const { type, data } of events) {
        handlers[type](JSON.parse(data));
    }
    return next;
}

const handlers = { said, unsaid: ({ id }) => byId('message-' + id)?.remove() };
listen('/sse/events?channel=chat&types=said,unsaid', handlers, begin);

byId('say').addEventListener('submit', async (event) => {
    event.preventDefault();
    const [name, text] = [byId('name'), byId('text')];
    event.submitter.disabled = true;
    try {
        await write('chat-in', 'say', { name: name.value, text: text.value });
        text.value = '';
        answer('good', '');
    } catch (error) {
        answer('bad', error.message);
    }
    event.submitter.disabled = !canWrite;
    text.focus();
});

byId('name').value = localStorage.getItem('rowcast-example-name') || '';
byId('name').addEventListener('change', () => localStorage.setItem('rowcast-example-name', byId('name').value));
if (!canWrite) {
    byId('say').querySelector('button').disabled = true;
    answer('bad', noToken);
}
