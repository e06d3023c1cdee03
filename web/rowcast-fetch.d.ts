export interface FetchOptions {
    /** Cookies also to another origin. */
    withCredentials?: boolean;
    /** What is sent with the request. A function is asked anew at each connection. */
    headers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>);
    /** Instead of the global fetch. */
    fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** An EventSource over fetch: see rowcast-fetch.js. */
export class FetchEventSource extends EventTarget {
    constructor(url: string | URL, options?: FetchOptions);

    static readonly CONNECTING: 0;
    static readonly OPEN: 1;
    static readonly CLOSED: 2;
    readonly CONNECTING: 0;
    readonly OPEN: 1;
    readonly CLOSED: 2;
    /** The address, resolved. */
    readonly url: string;
    readonly withCredentials: boolean;
    /** CLOSED after close(), any status but 200, or another content type. */
    readonly readyState: 0 | 1 | 2;

    onopen: ((event: Event) => void) | null;
    onerror: ((event: Event) => void) | null;
    onmessage: ((event: MessageEvent<string>) => void) | null;

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

/** A FetchEventSource that has these options already: rowcast(url, { EventSource: withHeaders(…) }). */
export function withHeaders(options: FetchOptions): typeof FetchEventSource;

export interface ParsedEvent {
    /** 'message' if the stream named none. */
    type: string;
    data: string;
    /** The id of this event, or of the last one before it that had any. */
    lastEventId: string;
}

export interface ParserCallbacks {
    event(event: ParsedEvent): void;
    /** After each block, also one without data: the place to resume from. */
    id?(lastEventId: string): void;
    /** The time before a reconnection, in ms. */
    retry?(ms: number): void;
}

/**
 * A parser of text/event-stream. Give the bytes of one connection, as they come, to what it returns;
 * an event that is not complete at the end is dropped with the parser. A connection that continues
 * another one is given that one's last event id.
 */
export function eventStreamParser(on: ParserCallbacks, lastEventId?: string): (bytes: BufferSource) => void;
