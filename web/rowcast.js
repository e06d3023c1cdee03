// rowcast(url, options): an EventSource that does not give up.
//
// It has the shape of a browser's EventSource and speaks plain Server-Sent Events, so it drops in
// and can be left out again.  It adds what EventSource cannot do itself:
//
//   it comes back      after any answer, also 503: at random times within 1, 2, 4 ... 30 s
//   its place          is kept for the tab (sessionStorage), so that a reload resumes exactly;
//                      not when the address says itself where to begin (last=, lastEventId=)
//   nothing twice      an event whose id this tab had is dropped; one without an id never is
//   a watchdog         a stream that says nothing for 2.5 heartbeats is opened anew
//   one for all tabs   one tab has the stream and tells the others (Web Locks, BroadcastChannel);
//                      each has its own place, and when that tab goes, another goes on
//   ongap, onreplay    events are missing here: load the state anew; what was missed begins, ends
//
// Options: withCredentials; EventSource, another constructor (Node, or withHeaders() of
// rowcast-fetch.js); share, false for a stream of its own, which is the default with another
// constructor; storage, with getItem and setItem, or null; name, of place and shared stream, the
// address by default: two streams of one page to the same address need two names.
//
// A leader is the tab that has the stream.  A follower says hello with its place and the types it
// listens to; the leader goes back to that place if it is beyond it, and only then bids welcome.
// Each message is posted by the leader in the order of the stream, so a follower misses nothing
// between its place and the welcome; what it had already is dropped by its id.  A follower whose
// place is of another log is told so alone.  One without a place, where the address says where to
// begin, has the leader begin there anew.  A tab that finds that a stream began beyond its place
// asks for that place: so also where the last id was lost on the way.

/** Whether position a, `<log>-<number>`, lies beyond b.  One of another log does. */
const beyond = (a, b) => {
    const [x, m] = a.split('-');
    const [y, n] = b.split('-');
    return x !== y || +m > +n;
};

export function rowcast(url, options = {}) {
    const scope = globalThis;
    const { withCredentials, EventSource = scope.EventSource, share = !options.EventSource } = options;
    const address = new URL(url, scope.document?.baseURI);
    const key = 'rowcast ' + (options.name ?? address);
    const begins = /[?&]last/i.test(address.search); // the address says where
    const me = Math.random();
    const end = new AbortController();
    const { signal } = end;
    const stream = new EventTarget();
    const listen = stream.addEventListener.bind(stream);
    const types = new Set(['connected', 'heartbeat']);

    let storage; // where the place is kept
    let at = ''; // this tab's place: the id of the last event it had
    let through = ''; // the source's: behind `at` while another tab catches up
    let asked; // where the source was to begin
    let last; // the id that the connection's last event left
    let state = 0;
    let boss; // the leader that this tab follows: one that was stuck may still believe to be it
    let source, channel, leader, joined, connected, queued, release, timer;
    let heartbeat = 15; // s
    let heard; // when the stream last said something, or was asked for
    let tries = 0;

    try {
        begins || ({ storage = sessionStorage } = options);
        at = storage?.getItem(key) || at;
    } catch {
        // Not allowed here: then a reload resumes by the cookie.
    }

    const post = (message) => channel?.postMessage({ by: me, ...message });
    const wait = (ms, next = renew) => {
        heard = Date.now();
        clearTimeout(timer);
        timer = state < 2 && setTimeout(next, ms);
    };

    // What every tab does with what the leader's source says.
    const take = ({ type, data, id, own }) => {
        if (state > 1) {
            return;
        }
        // While it reconnects by itself, it follows the server's retry.
        wait(heartbeat * (type === 'error' ? 1e4 : 2500));
        if (data == null) {
            state = +(type === 'open');
            stream.dispatchEvent(new Event(type));
            return;
        }
        const news = own && beyond(id, at);
        const gap = type === 'gap';
        if (type === 'connected') {
            heartbeat = JSON.parse(data).heartbeat || heartbeat;
            // Beyond our place, and not asked to begin there: the id was lost on the way.
            if (at && news && asked !== at) {
                through = at;
                leader ? connect() : hello();
                return;
            }
        } else if (own && !news && type !== 'heartbeat' && !(gap && !data.includes('trimmed'))) {
            return;
        }
        const moves = news || (gap && own);
        if (moves) {
            at = id;
        }
        stream.dispatchEvent(new MessageEvent(type, { data, lastEventId: id, origin: address.origin }));
        if (moves) {
            try {
                storage?.setItem(key, at);
            } catch {
                // Full: the place that is kept stays behind, and the ids tell what came before.
            }
        }
    };

    const relay = ({ type, data, lastEventId: id }) => {
        const own = id && id !== last; // an event without an id shows that of the one before
        const message = { type, data, id, own };
        last = id;
        if (own) {
            through = id;
        }
        if (type === 'connected') {
            connected = message;
            tries = 0;
        }
        post(message);
        take(message);
        if (source?.readyState === 2) {
            wait(Math.random() * Math.min(3e4, 1e3 * 2 ** tries++));
        }
    };

    const connect = () => {
        source?.close();
        wait(heartbeat * 2500);
        asked = through;
        const from = new URL(address);
        if (through) {
            from.searchParams.set('lastEventId', through);
        }
        source = new EventSource(from.href, { withCredentials });
        types.forEach((type) => source.addEventListener(type, relay));
    };

    const want = (type) => {
        if (!types.has(type)) {
            types.add(type);
            source?.addEventListener(type, relay);
            post({ types: [type] });
        }
    };

    // Until the lock is let go, this tab is the leader.
    const lead = (ms, { signal: fromQueue }) =>
        state < 2 &&
        !leader &&
        new Promise((done) => {
            release = done;
            leader = true;
            queued &&= !fromQueue;
            through = at;
            post({ lead: 1 });
            wait(ms, connect);
        });
    const hello = () => {
        joined = false;
        wait(2e3); // a leader that is there answers at once
        post({ hello: me, at, types: [...types] });
    };
    const request = (wishes, ms) =>
        navigator.locks
            .request(key, wishes, (lock) => (lock ? lead(ms, wishes) : follow()))
            .catch(lost);
    const follow = () => {
        if (!queued) {
            queued = true;
            request({ signal }, 50); // time for the others to say hello
        }
        hello();
    };
    // Another tab took the lock, since nothing came from here; or there are no locks to be had.
    const lost = () => {
        if (state > 1) {
            return;
        }
        source?.close();
        source = null;
        if (leader) {
            leader = false;
            follow();
        } else {
            alone();
        }
    };
    const alone = () => {
        channel?.close();
        channel = null;
        leader = true;
        through = at;
        connect();
    };
    const renew = () => (leader ? connect() : request({ steal: true }, 50));

    const answer = ({ data: m }) => {
        if (m.lead) {
            boss = m.by;
            leader || hello();
        } else if (leader) {
            // It takes nothing else: what an old leader said last must not move its timer.
            m.types?.forEach(want);
            if (m.hello) {
                const behind = (m.at || begins) && beyond(through, m.at);
                const gap = m.at && behind && beyond(m.at, through) && through; // of another log
                if (behind && !gap) {
                    through = m.at;
                    source && connect();
                }
                post({ to: m.by, state, gap, connected: connected && { ...connected, id: through } });
            }
        } else if (m.to === me && (joined = m.by === (boss ??= m.by))) {
            wait(heartbeat * 2500);
            m.state && take({ type: 'open' });
            m.gap && take({ type: 'gap', data: '{"reason":"epoch","from":null,"oldest":null}', id: m.gap, own: 1 });
            m.connected && take(m.connected);
        } else if (joined && m.by === boss && m.type) {
            take(m);
        }
    };

    for (const type of ['open', 'message', 'error', 'gap', 'replay-start', 'replay-end']) {
        types.add(type);
        listen(type, (event) => stream['on' + type.split('-')[0]]?.(event));
    }
    // Back from sleep, from the back button, from a tunnel: look at once.
    for (const type of ['online', 'pageshow', 'visibilitychange']) {
        scope.addEventListener?.(
            type,
            ({ persisted }) => {
                if (persisted && !leader) {
                    hello(); // the others' messages did not reach it meanwhile
                } else if (source?.readyState === 2 || Date.now() - heard > heartbeat * 1500) {
                    renew();
                }
            },
            { signal }
        );
    }

    if (share && scope.BroadcastChannel && scope.navigator?.locks) {
        channel = new BroadcastChannel(key);
        channel.onmessage = answer;
        request({ ifAvailable: true }, 0);
    } else {
        alone();
    }

    return Object.defineProperties(
        Object.assign(stream, {
            url: address.href,
            withCredentials: !!withCredentials,
            CONNECTING: 0,
            OPEN: 1,
            CLOSED: 2,
            addEventListener(type, ...rest) {
                want(type);
                listen(type, ...rest);
            },
            close() {
                state = 2;
                end.abort();
                clearTimeout(timer);
                source?.close();
                channel?.close();
                release?.();
            },
        }),
        { readyState: { get: () => state }, lastEventId: { get: () => at } }
    );
}
