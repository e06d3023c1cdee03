// The board: the newest event of each price comes first, since the log keeps no other, then what
// changes.  Both come on one stream, so nothing has to be joined here.
import { answer, byId, canWrite, listen, noToken, write } from './common.js';

const board = byId('board');
const items = new Map(); // name -> {item, price, move}
const news = new Map(); // name -> the newest that is not shown yet; null: it is gone
let changes = 0;
let drawing = 0;
let held = false;

const money = (cents) => (cents / 100).toFixed(2);

function part(tag, className, text = '') {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = text;
    return element;
}

/** The item of a price that is new, at its place in the alphabet. */
function place(name) {
    const item = part('li', '');
    const made = { item, price: part('b', 'price'), move: part('span', 'move') };
    item.dataset.name = name;
    item.append(part('span', 'name', name), ' ', made.price, ' ', made.move);
    const next = [...board.children].find((other) => other.dataset.name > name);
    board.insertBefore(item, next ?? null);
    items.set(name, made);
    return made;
}

function show(name, { cents, was, version }) {
    const { item, price, move } = items.get(name) || place(name);
    const by = was === undefined ? 0 : cents - was;
    item.dataset.version = version;
    item.dataset.by = Math.sign(by); // the colour; the sign says the same in words
    price.textContent = money(cents);
    move.textContent = by === 0 ? '' : `${by > 0 ? '+' : '−'}${money(Math.abs(by))}`;
}

function remove(name) {
    items.get(name)?.item.remove();
    items.delete(name);
}

/** What came since the last frame, at once: of many changes of one price only the newest. */
function draw() {
    drawing = 0;
    for (const [name, price] of news) {
        price ? show(name, price) : remove(name);
    }
    news.clear();
    byId('count').textContent = items.size;
    byId('changes').textContent = changes.toLocaleString();
    byId('empty').hidden = items.size > 0;
}
const changed = () => held || (drawing ||= requestAnimationFrame(draw));

function tell(name, price, replayed) {
    news.set(name, price);
    changes += replayed ? 0 : 1; // what was there before is a state, no change
    changed();
}

listen(
    '/sse/events?channel=prices&types=price,gone',
    {
        price: (price) => tell(price.name, price, price._replayed),
        gone: ({ name, _replayed }) => tell(name, null, _replayed),
    },
    () => {
        news.clear();
        items.clear();
        board.replaceChildren();
        changed();
        return 'earliest';
    }
);

// Who wants to read a number need not chase it.
byId('hold').addEventListener('click', () => {
    held = !held;
    byId('hold').setAttribute('aria-pressed', String(held));
    changed();
});

// The market: one request moves all prices, in one transaction (the trigger prices_in in app.sql).
let market = 0;
let moving = false;
function setMarket(open) {
    market = open ? setInterval(move, 100) : clearInterval(market) || 0;
    byId('move').setAttribute('aria-pressed', String(open));
}
async function move() {
    if (moving) {
        return; // the one before is still under way
    }
    moving = true;
    try {
        await write('prices-in', 'move', {});
        answer('good', '');
    } catch (error) {
        setMarket(false);
        answer('bad', error.message);
    }
    moving = false;
}
byId('move').addEventListener('click', () => setMarket(!market));
if (!canWrite) {
    byId('move').disabled = true;
    answer('bad', noToken);
}
