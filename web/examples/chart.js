// The chart: readings come over a plain EventSource, and are drawn into an SVG.
import { answer, byId, canWrite, listen, noToken, write } from './common.js';

const WINDOW = 120000; // ms up to the newest reading
const KEPT = 2000; // readings of a sensor
const MARGIN = { left: 52, right: 16, top: 12, bottom: 28 };
const sensors = new Map(); // name -> {readings: [{at, value}], in the order of at, last: the newest}
const svg = byId('chart');
let drawing = 0;

function draw(tag, attributes, text = '') {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) {
        element.setAttribute(name, value);
    }
    element.textContent = text;
    svg.append(element);
}

const clock = (at) => new Date(at).toLocaleTimeString();
const words = (value) => String(Number(value.toPrecision(4))); // 0.2, not 0.20000000000000001

/** About four round numbers that lie between low and high or just around them. */
function ticks(low, high) {
    const rough = (high - low || Math.abs(high) || 1) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((n) => n * power >= rough) * power;
    const first = Math.floor(low / step);
    const count = Math.max(1, Math.ceil(high / step) - first);
    return Array.from({ length: count + 1 }, (_, i) => (first + i) * step);
}

function drawGrid(levels, x, y, from, to, width, height) {
    for (const level of levels) {
        draw('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: y(level), y2: y(level) });
        draw('text', { x: MARGIN.left - 8, y: y(level) + 4, 'text-anchor': 'end' }, words(level));
    }
    draw('text', { x: x(from), y: height - 8, 'text-anchor': 'start' }, clock(from));
    draw('text', { x: x(to), y: height - 8, 'text-anchor': 'end' }, clock(to));
}

/** When a sensor that has no reading in the chart had its last one. */
const moment = (at) =>
    at > Date.now() - 43200000
        ? new Date(at).toLocaleTimeString([], { timeStyle: 'short' })
        : new Date(at).toLocaleDateString([], { dateStyle: 'medium' });

function cells(name, readings, last) {
    const values = readings.map((reading) => reading.value);
    if (values.length === 0) {
        return [name, `${words(last.value)} (${moment(last.at)})`, '–', '–', '0'];
    }
    return [name, words(last.value), words(Math.min(...values)), words(Math.max(...values)), values.length];
}

/** Every sensor that is known, also one that has been quiet for longer than the chart shows. */
function drawTable(shown) {
    byId('sensors').replaceChildren(
        ...shown.map(([name, readings, last], i) => {
            const row = document.createElement('tr');
            for (const [n, text] of cells(name, readings, last).entries()) {
                const cell = document.createElement(n ? 'td' : 'th');
                cell.textContent = text;
                row.append(cell);
            }
            row.firstChild.scope = 'row';
            row.firstChild.className = 'series-' + (i % 6);
            return row;
        })
    );
}

function drawCurves(shown, values, from, to) {
    const levels = ticks(Math.min(...values), Math.max(...values));
    const { width, height } = svg.getBoundingClientRect();
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const x = (at) => MARGIN.left + ((at - from) / (to - from || 1)) * (width - MARGIN.left - MARGIN.right);
    const y = (value) =>
        height - MARGIN.bottom -
        ((value - levels[0]) / (levels.at(-1) - levels[0])) * (height - MARGIN.top - MARGIN.bottom);

    drawGrid(levels, x, y, from, to, width, height);
    for (const [i, [, readings]] of shown.entries()) {
        if (readings.length > 0) {
            const points = readings.map((reading) => `${x(reading.at).toFixed(1)},${y(reading.value).toFixed(1)}`);
            draw('polyline', { class: 'series-' + (i % 6), points: points.join(' ') });
            const [cx, cy] = points.at(-1).split(',');
            draw('circle', { class: 'series-' + (i % 6), cx, cy, r: 4 });
        }
    }
    svg.setAttribute('aria-label', `${values.length} readings from ${clock(from)} to ${clock(to)}; the table has the values`);
}

function redraw() {
    drawing = 0;
    svg.replaceChildren();
    byId('empty').hidden = sensors.size > 0;
    byId('readings').hidden = sensors.size === 0;
    const times = [...sensors.values()].flatMap(({ readings }) => readings.map((reading) => reading.at));
    const to = Math.max(...times);
    const from = Math.min(...times.filter((at) => at >= to - WINDOW));
    const shown = [...sensors].map(([name, { readings, last }]) => [
        name,
        readings.filter((reading) => reading.at >= from),
        last,
    ]);
    drawTable(shown);
    if (times.length > 0) {
        const values = shown.flatMap(([, readings]) => readings.map((reading) => reading.value));
        drawCurves(shown, values, from, to);
    }
}

// Many readings at once, as after a restart, are one drawing.
const changed = () => (drawing ||= setTimeout(redraw, 30));

/** The last value of a sensor: one event of each is kept, however long ago it came. */
function sensor({ sensor: name, value, at }) {
    const known = sensors.get(name) || { readings: [] };
    known.last = { value, at };
    sensors.set(name, known);
    changed();
    return known;
}

/** A step of the curve. */
function reading(data) {
    const { readings } = sensor(data);
    readings.push({ at: data.at, value: data.value });
    if (readings.length > 1 && readings.at(-2).at > data.at) {
        readings.sort((a, b) => a.at - b.at);
    }
    readings.splice(0, readings.length - KEPT);
}

// From the oldest event that is kept: the last value of each sensor, the newest thousand readings,
// then what comes.
listen('/sse/events?channel=readings&channel=sensors&types=reading,sensor', { sensor, reading }, () => {
    sensors.clear();
    changed();
    return 'earliest';
});
new ResizeObserver(changed).observe(svg);

async function insert() {
    try {
        await write('readings-in', 'reading', { sensor: byId('sensor').value, value: byId('value').valueAsNumber });
        answer('good', '');
        return true;
    } catch (error) {
        answer('bad', error.message);
        return false;
    }
}

const showValue = () => (byId('shown').textContent = byId('value').value);
byId('value').addEventListener('input', showValue);
byId('insert').addEventListener('submit', (event) => {
    event.preventDefault();
    insert();
});

// One each second, a little up or down from the last.
let timer = 0;
byId('wander').addEventListener('click', () => {
    timer = timer ? clearInterval(timer) || 0 : setInterval(wander, 1000);
    byId('wander').setAttribute('aria-pressed', String(Boolean(timer)));
});
async function wander() {
    byId('value').value = byId('value').valueAsNumber + Math.round(Math.random() * 16 - 8);
    showValue();
    if (!(await insert()) && timer) {
        byId('wander').click();
    }
}

showValue();
if (!canWrite) {
    for (const button of document.querySelectorAll('#insert button')) {
        button.disabled = true;
    }
    answer('bad', noToken);
}
