// The parser of rowcast-fetch.js against a table, each case also byte by byte and split everywhere.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { eventStreamParser } from '../../web/rowcast-fetch.js';

// What a stream gives: [type, data, last event id] of each event, then what else is left.
const CASES = [
    ['nothing', '', []],
    ['one event', 'data: a\n\n', [['message', 'a', '']]],
    ['lines that end with CR', 'data: a\r\rdata: b\r\r', [['message', 'a', ''], ['message', 'b', '']]],
    ['lines that end with CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', [['message', 'a', ''], ['message', 'b', '']]],
    ['line ends of all kinds', 'data: a\r\ndata: b\rdata: c\n\r\n', [['message', 'a\nb\nc', '']]],
    ['LF then CR: two ends', 'data: a\n\rdata: b\n\n', [['message', 'a', ''], ['message', 'b', '']]],
    ['CR CR LF: two ends', 'data: a\r\r\ndata: b\r\r\n', [['message', 'a', ''], ['message', 'b', '']]],
    ['other line separators are data', 'data: a\u2028b\u0085c\u000bd\fe\n\n', [['message', 'a\u2028b\u0085c\u000bd\fe', '']]],
    ['several data lines', 'data: a\ndata\ndata:\ndata: b\n\n', [['message', 'a\n\n\nb', '']]],
    ['an empty data field', 'data\n\n', [['message', '', '']]],
    ['two empty data fields', 'data:\ndata:\n\n', [['message', '\n', '']]],
    ['one space goes, not two', 'data:a\n\ndata: a\n\ndata:  a\n\n', [['message', 'a', ''], ['message', 'a', ''], ['message', ' a', '']]],
    ['a tab stays', 'data:\ta\n\n', [['message', '\ta', '']]],
    ['trailing spaces stay', 'data: a  \n\n', [['message', 'a  ', '']]],
    ['colons in the value', 'data: a:b: c\n\n', [['message', 'a:b: c', '']]],
    ['comments', ':\n: x\n:data: no\ndata: a\n:\n\n', [['message', 'a', '']]],
    ['field names are exact', 'Data: a\n data: b\ndata : c\ndatas: d\nDATA\ndata: e\n\n', [['message', 'e', '']]],
    ['unknown fields', 'foo: a\nfoo\ndata: b\n\n', [['message', 'b', '']]],
    ['a type', 'event: x\ndata: a\n\ndata: b\n\n', [['x', 'a', ''], ['message', 'b', '']]],
    ['the last type holds', 'event: x\nevent: y\ndata: a\n\n', [['y', 'a', '']]],
    ['an empty type is a message', 'event: x\nevent:\ndata: a\n\nevent\ndata: b\n\n', [['message', 'a', ''], ['message', 'b', '']]],
    ['a block without data is no event and resets the type', 'event: x\n\ndata: a\n\n', [['message', 'a', '']]],
    ['a type with a space', 'event:  x y \ndata: a\n\n', [[' x y ', 'a', '']]],
    ['an id persists', 'id: 1\ndata: a\n\ndata: b\n\n', [['message', 'a', '1'], ['message', 'b', '1']], { id: '1' }],
    ['an id after the data', 'data: a\nid: 1\n\n', [['message', 'a', '1']], { id: '1' }],
    ['an id without data', 'id: 1\n\ndata: a\n\n', [['message', 'a', '1']], { id: '1' }],
    ['an id without data, alone', 'id: 7\n\n', [], { id: '7' }],
    ['an empty id clears it', 'id: 1\ndata: a\n\nid\ndata: b\n\nid: 2\nid:\ndata: c\n\n', [['message', 'a', '1'], ['message', 'b', ''], ['message', 'c', '']], { id: '' }],
    ['an id with NUL is ignored', 'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid: \0\ndata: c\n\n', [['message', 'a', '1'], ['message', 'b', '1'], ['message', 'c', '1']], { id: '1' }],
    ['NUL in data stays', 'data: a\0b\n\n', [['message', 'a\0b', '']]],
    ['an id is any text', 'id: ü …\ndata: a\n\n', [['message', 'a', 'ü …']], { id: 'ü …' }],
    ['a retry, at once', 'retry: 1500\n', [], { retry: [1500] }],
    ['retry: zero and leading zeros', 'retry: 0\nretry: 007\n\n', [], { retry: [0, 7] }],
    ['retry: digits only', 'retry: 1.5\nretry: -1\nretry: +1\nretry: 1e3\nretry: 0x10\nretry:  5\nretry: 5 \nretry: \nretry\nretry: ٣\n\n', [], { retry: [] }],
    ['an incomplete event is dropped', 'data: a\n\ndata: b\nid: 2\n', [['message', 'a', '']], { id: '' }],
    ['an incomplete line is dropped', 'data: a\n\ndata: b', [['message', 'a', '']]],
    ['a line without an end is none', 'data: a\n\nretry: 5', [['message', 'a', '']], { retry: [] }],
    ['many blank lines', '\n\n\r\n\rdata: a\n\n\n\n', [['message', 'a', '']]],
    ['a byte order mark', '\ufeffdata: a\n\n', [['message', 'a', '']]],
    ['only one byte order mark', '\ufeff\ufeffdata: a\n\ndata: b\n\n', [['message', 'b', '']]],
    ['only at the beginning', 'data: a\n\n\ufeffdata: b\n\ndata: \ufeffc\n\n', [['message', 'a', ''], ['message', '\ufeffc', '']]],
    ['UTF-8', 'data: äöü € 𝄞 你好\n\n', [['message', 'äöü € 𝄞 你好', '']]],
    ['bytes that are not UTF-8', [...Buffer.from('data: a'), 0xff, 0xc3, 0x28, 0xe2, 0x82, 0x62, 0xed, 0xa0, 0x80, ...Buffer.from('\n\n')],
        [['message', 'a\ufffd\ufffd(\ufffdb\ufffd\ufffd\ufffd', '']]],
    ['a character that a line end cuts', [...Buffer.from('data: a'), 0xe2, 0x82, 0x0a, 0x0a], [['message', 'a\ufffd', '']]],
    ['half a byte order mark', [0xef, 0xbb, ...Buffer.from('data: a\n\ndata: b\n\n')], [['message', 'b', '']]],
    ['the opening of a Rowcast stream', ':\nevent: opening\nretry: 3127\nid: 5f2a91c0-3\n\nevent: heartbeat\ndata: {}\n\n',
        [['heartbeat', '{}', '5f2a91c0-3']], { id: '5f2a91c0-3', retry: [3127] }],
];

function parsed(parts, start) {
    const all = { events: [], retry: [], id: start ?? '' };
    const parse = eventStreamParser(
        {
            event: ({ type, data, lastEventId }) => all.events.push([type, data, lastEventId]),
            retry: (ms) => all.retry.push(ms),
            id: (id) => {
                all.id = id;
            },
        },
        start
    );
    parts.forEach((part) => parse(part));
    return all;
}

describe('the parser', () => {
    for (const [name, text, events, left = {}] of CASES) {
        test(name, () => {
            const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : Uint8Array.from(text);
            const expected = { events, retry: left.retry ?? [], id: left.id ?? events.at(-1)?.[2] ?? '' };
            assert.deepEqual(parsed([bytes]), expected);
            const single = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
            assert.deepEqual(parsed(single), expected, 'byte by byte');
            for (let i = 0; i <= bytes.length; i++) {
                const parts = [bytes.subarray(0, i), new Uint8Array(0), bytes.subarray(i)];
                assert.deepEqual(parsed(parts), expected, `split at ${i}`);
            }
        });
    }

    test('goes on with the id of the connection before', () => {
        const bytes = new TextEncoder().encode('data: a\n\n');
        assert.deepEqual(parsed([bytes], '9').events, [['message', 'a', '9']]);
    });

    test('wants no callback but the one for events', () => {
        const seen = [];
        const parse = eventStreamParser({ event: (event) => seen.push(event) });
        parse(new TextEncoder().encode('retry: 1\nid: 1\n\ndata: a\n\n'));
        assert.deepEqual(seen, [{ type: 'message', data: 'a', lastEventId: '1' }]);
    });

    test('hands an event out when its blank line is here, also one that ends with CR', () => {
        for (const text of ['data: a\n\n', 'data: a\r\r', 'data: a\r\n\r']) {
            assert.equal(parsed([new TextEncoder().encode(text)]).events.length, 1, JSON.stringify(text));
        }
    });

    // A parser that looked at the whole line again for each piece would take minutes for this.
    test('takes a line of 32 MB in pieces of 1 KB', () => {
        const parts = [new TextEncoder().encode('data: ')];
        parts.push(...Array(32 * 1024).fill(new TextEncoder().encode('x'.repeat(1024))), new TextEncoder().encode('\n\n'));
        assert.equal(parsed(parts).events[0][1].length, 32 << 20);
    });
});
