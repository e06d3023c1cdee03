// The chat over a plain EventSource: messages are JSON, elements are made here.
import { answer, byId, canWrite, listen, noToken, write } from './common.js';

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

listen(
    '/sse/events?channel=chat&types=said,unsaid&last=50',
    { said, unsaid: ({ id }) => byId('message-' + id)?.remove() },
    () => {
        messages.replaceChildren();
        return '';
    }
);

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
