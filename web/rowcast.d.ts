/** What rowcast() needs of an EventSource: npm's `eventsource` and the browser's have it. */
export interface EventSourceLike {
    readonly readyState: number;
    addEventListener(type: string, listener: (event: any) => void): void;
    close(): void;
}

export interface Place {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
}

export interface RowcastOptions {
    /** Cookies also to another origin. */
    withCredentials?: boolean;
    /** Another constructor: npm's `eventsource` in Node, `withHeaders()` of `rowcast/fetch`. */
    EventSource?: new (url: string, init: { withCredentials?: boolean }) => EventSourceLike;
    /** One stream for all tabs of this origin. Default: true, but false with another EventSource. */
    share?: boolean;
    /** Where the tab's place is kept. Default: sessionStorage; null: nowhere, as with last= in the address. */
    storage?: Place | null;
    /** Names the place and the shared stream. Default: the address. */
    name?: string;
}

export interface RowcastStream extends EventTarget {
    /** The address, resolved. */
    readonly url: string;
    readonly withCredentials: boolean;
    readonly CONNECTING: 0;
    readonly OPEN: 1;
    readonly CLOSED: 2;
    /** CLOSED only after close(): until then it comes back. */
    readonly readyState: 0 | 1 | 2;
    /** The tab's place: the id of the last event it had, '' before the first. */
    readonly lastEventId: string;

    onopen?: ((event: Event) => void) | null;
    onerror?: ((event: Event) => void) | null;
    onmessage?: ((event: MessageEvent<string>) => void) | null;
    /** Events are missing here: load the state anew. Its data is JSON: {reason, from, oldest}. */
    ongap?: ((event: MessageEvent<string>) => void) | null;
    /** What was missed follows ('replay-start'), or ended ('replay-end'). Its data is JSON: {count}. */
    onreplay?: ((event: MessageEvent<string>) => void) | null;

    addEventListener(
        type: 'open' | 'error',
        listener: ((event: Event) => void) | EventListenerObject | null,
        options?: boolean | AddEventListenerOptions
    ): void;
    addEventListener(
        type: string,
        listener: ((event: MessageEvent<string>) => void) | EventListenerObject | null,
        options?: boolean | AddEventListenerOptions
    ): void;
    removeEventListener(
        type: string,
        listener: ((event: any) => void) | EventListenerObject | null,
        options?: boolean | EventListenerOptions
    ): void;
    close(): void;
}

/** An EventSource that does not give up: see rowcast.js. */
export function rowcast(url: string | URL, options?: RowcastOptions): RowcastStream;
