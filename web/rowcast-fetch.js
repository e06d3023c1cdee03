// An EventSource over fetch, for what the browser's cannot send: headers.
//
//   rowcast('/sse/events', { EventSource: withHeaders({ headers: { Authorization: '…' } }) })
//   new FetchEventSource('/sse/events', { headers: async () => ({ Authorization: await token() }) })
//
// FetchEventSource is an EventSource in full, by the HTML standard, section 9.2: it reconnects
// after `retry` with Last-Event-ID, and is CLOSED by any status but 200 or another content type
// (rowcast() comes back from that, too).  Beside withCredentials its options are
//
//   headers    an object, or a function, also async, that is asked anew at each connection; one
//              that fails counts as a network that fails: an error event, and again after `retry`
//   fetch      to be used instead of the global one
//
// withHeaders(options) is a constructor that has these options already, for rowcast().
// eventStreamParser(on, lastEventId) is the parser alone; the types beside this file say how.

/** Section 9.2.6.  Returns a function that takes the next bytes. The cost is linear in them. */
export function eventStreamParser(on, lastEventId = '') {
    const decoder = new TextDecoder(); // without the byte order mark, U+FFFD for what is not UTF-8
    let line = ''; // its beginning; not looked at before its end is here
    let type = '';
    let data = '';
    let cr = false; // a line feed that comes next belongs to the line that has ended already

    const take = (text) => {
        if (!text) {
            on.id?.(lastEventId);
            if (data) {
                on.event({ type: type || 'message', data: data.slice(0, -1), lastEventId });
            }
            type = data = '';
            return;
        }
        const colon = text.indexOf(':');
        const field = colon < 0 ? text : text.slice(0, colon);
        const value = colon < 0 ? '' : text.slice(colon + (text[colon + 1] === ' ' ? 2 : 1));
        if (field === 'data') {
            data += value + '\n';
        } else if (field === 'event') {
            type = value;
        } else if (field === 'id' && !value.includes('\0')) {
            lastEventId = value;
        } else if (field === 'retry' && /^[0-9]+$/.test(value)) {
            on.retry?.(+value);
        }
    };

    return (bytes) => {
        let text = decoder.decode(bytes, { stream: true });
        if (!text) {
            return;
        }
        if (cr && text[0] === '\n') {
            text = text.slice(1);
        }
        cr = text.endsWith('\r');
        const lines = text.split(/\r\n?|\n/);
        const rest = lines.pop();
        for (const end of lines) {
            take(line + end);
            line = '';
        }
        line += rest;
    };
}

export class FetchEventSource extends EventTarget {
    constructor(url, options = {}) {
        super();
        const scope = globalThis;
        const { headers, fetch = scope.fetch } = options;
        const withCredentials = !!options.withCredentials;
        let state = 0;
        let retry = 3000; // ms
        let lastEventId = '';
        let request, timer;

        try {
            url = new URL(url, scope.document?.baseURI ?? scope.location?.href).href;
        } catch (error) {
            throw new DOMException(error.message, 'SyntaxError');
        }

        const become = (next, type) => {
            if (state < 2) {
                state = next;
                this.dispatchEvent(new Event(type));
            }
        };
        const fail = () => {
            become(2, 'error');
            request.abort();
        };

        const stream = async () => {
            request = new AbortController();
            const sent = new Headers(await (typeof headers === 'function' ? headers() : headers));
            if (!sent.has('Accept')) {
                sent.set('Accept', 'text/event-stream');
            }
            if (lastEventId) {
                // A header is bytes: those of the id in UTF-8.
                const bytes = [...new TextEncoder().encode(lastEventId)];
                sent.set('Last-Event-ID', bytes.map((byte) => String.fromCharCode(byte)).join(''));
            }
            const answer = await fetch(url, {
                headers: sent,
                cache: 'no-store',
                credentials: withCredentials ? 'include' : 'same-origin',
                redirect: 'follow',
                signal: request.signal,
            });
            const content = answer.headers.get('Content-Type');
            if (answer.status !== 200 || !/^text\/event-stream\s*(;|$)/i.test(content)) {
                fail();
                return;
            }
            become(1, 'open');
            const { origin } = new URL(answer.url || url);
            const on = {
                id: (id) => (lastEventId = id),
                retry: (ms) => (retry = Math.min(ms, 2 ** 31 - 1)), // a timer takes no more
                event: ({ type, ...event }) =>
                    state < 2 && this.dispatchEvent(new MessageEvent(type, { ...event, origin })),
            };
            const parse = eventStreamParser(on, lastEventId);
            const reader = answer.body.getReader();
            for (let part; state < 2 && !(part = await reader.read()).done; ) {
                parse(part.value);
            }
        };
        const connect = async () => {
            try {
                state < 2 && (await stream());
            } catch {
                // The network, or headers(): later.
            }
            become(0, 'error');
            timer = state < 2 && setTimeout(connect, retry);
        };

        for (const type of ['open', 'message', 'error']) {
            this['on' + type] = null;
            this.addEventListener(type, (event) => this['on' + type]?.(event));
        }
        Object.defineProperties(this, {
            url: { value: url },
            withCredentials: { value: withCredentials },
            readyState: { get: () => state },
            close: {
                value() {
                    state = 2;
                    clearTimeout(timer);
                    request?.abort();
                },
            },
        });
        queueMicrotask(connect);
    }
}

for (const to of [FetchEventSource, FetchEventSource.prototype]) {
    ['CONNECTING', 'OPEN', 'CLOSED'].forEach((name, value) => Object.defineProperty(to, name, { value }));
}

export const withHeaders = (options) =>
    class extends FetchEventSource {
        constructor(url, init = {}) {
            super(url, { ...options, withCredentials: init.withCredentials ?? options.withCredentials });
        }
    };
