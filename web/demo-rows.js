// The rows of the demo page: events, gaps, and what happened to the connection.
//
// Rows are shown once a frame, so that thousands a second do not stop the page; the newest
// ROWS_KEPT stay.  A screen reader is told a summary, at most every SAY_EVERY.
const ROWS_KEPT = 200;
const SAY_EVERY = 3000; // ms

const list = document.getElementById('events');
const empty = document.getElementById('empty');
const said = document.getElementById('said');

let waiting = []; // rows for the next frame, oldest first
let unsaid = 0; // events since the last summary
let summary = '';
let sayTimer = 0;

const words = {
    trimmed: 'events left the log before this stream had them',
    session: 'the server does not know this session any more',
    epoch: 'the log was made anew, or restored from an older copy',
    future: 'the stream came with an id beyond the end of the log',
    unknown: 'the stream came with an id that is not of this log',
};

function flush() {
    const rows = waiting;
    waiting = [];
    list.prepend(...rows.reverse());
    while (list.children.length > ROWS_KEPT) {
        list.lastElementChild.remove();
    }
    empty.hidden = !!list.children.length;
}

function put(row) {
    if (!waiting.length) {
        // A hidden tab has no frames.
        document.hidden ? setTimeout(flush, 100) : requestAnimationFrame(flush);
    }
    waiting.push(row);
    if (waiting.length > ROWS_KEPT) {
        waiting.shift();
    }
}

function say(what) {
    summary = what;
    sayTimer ||= setTimeout(() => {
        said.textContent = unsaid > 1 ? `${unsaid} events, the last: ${summary}` : summary;
        unsaid = 0;
        sayTimer = 0;
    }, SAY_EVERY);
}

function element(name, className, text = '') {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
}

function row(how, id, type, data) {
    const made = element('li', 'row');
    made.dataset.how = how;
    made.append(element('span', 'how', how), element('span', 'type', type), element('span', 'id', id), element('span', 'data', data));
    return made;
}

/** An event, as it came. */
export function showEvent({ lastEventId, type, data }, replayed) {
    unsaid++;
    say(`${type}${replayed ? ', replayed' : ''}: ${data.slice(0, 200)}`);
    put(row(replayed ? 'replayed' : 'live', lastEventId, type, data));
}

/** Events are missing here: `said` is the gap's data, and `then` what follows from it. */
export function showGap(id, { reason, from, oldest }, then) {
    const stood = from ? `, after ${from}` : '';
    const next = oldest ? ` The next event that is kept is ${oldest}.` : '';
    const text = `Events may be missing here${stood}: ${words[reason] ?? reason}.${next} ${then}`;
    say(`gap: ${text}`);
    put(row('gap', id, reason, text));
}

/** What happened to the connection. */
export function showNote(text) {
    const made = element('li', 'row note');
    made.dataset.how = 'stream';
    made.append(element('span', 'data', text));
    put(made);
}

export function clearRows() {
    waiting = waiting.slice(0, 0);
    list.replaceChildren();
    empty.hidden = false;
    list.focus();
}
