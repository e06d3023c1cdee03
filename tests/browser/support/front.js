// A front before the stage that misbehaves when told to, as servers on the way do: it refuses with
// 503, goes silent, or cuts.  Everything else goes through, bytes as they come.
//
//   const front = await startFront(stage.url);   open pages at front.url
//   front.refuse(true)    every stream is answered with 503 from now on
//   front.check = fn      fn(request) gives the status to refuse a stream with, or nothing: it goes through
//   front.mute()          the streams that are open now say nothing more, and stay open
//   front.cut()           the streams that are open now are cut
//   front.end()           they end as a server ends them that is done
//   front.streams         every request for a stream: {url, headers, status, open}
//   front.cookies = true  cookies go through; else the session that a browser keeps for 127.0.0.1,
//                         whatever the port, would carry over from one test to the next
//   front.cutter = fn     fn(request's address, bytes) gives how many of these bytes of a stream still
//                         go through before it is cut, or undefined: all, and no cut
//   front.answer = fn     fn(request, response) answers the streams instead of the stage
//   await front.stop()
import http from 'node:http';

export async function startFront(target) {
    const streams = [];
    let refusing = false;

    const front = {
        streams,
        answer: null,
        check: null,
        cookies: false,
        cutter: null,
        refuse: (yes) => {
            refusing = yes;
        },
        mute: () => streams.forEach((s) => s.from?.removeAllListeners('data').resume()),
        cut: () => streams.filter((s) => s.open).forEach((s) => s.response.destroy()),
        end: () => streams.filter((s) => s.open).forEach((s) => s.response.end()),
        open: () => streams.filter((s) => s.open).length,
    };

    const pass = (request, response, stream) => {
        const headers = { ...request.headers };
        if (!front.cookies) {
            delete headers.cookie;
        }
        const there = http.request(
            target + request.url,
            { method: request.method, headers, agent: false },
            (from) => {
                response.writeHead(from.statusCode, from.headers);
                response.flushHeaders();
                from.on('data', (bytes) => {
                    const keep = stream && front.cutter?.(request.url, bytes);
                    if (keep === undefined || keep === null) {
                        response.write(bytes);
                    } else {
                        from.removeAllListeners('data');
                        response.write(bytes.subarray(0, keep), () => response.destroy());
                    }
                });
                from.on('end', () => response.end());
                from.on('error', () => response.destroy());
                if (stream) {
                    Object.assign(stream, { from, status: from.statusCode });
                }
            }
        );
        there.on('error', () => response.destroy());
        response.on('close', () => there.destroy());
        request.pipe(there);
    };

    const server = http.createServer((request, response) => {
        if (!request.url.startsWith('/sse/events')) {
            pass(request, response);
            return;
        }
        const stream = { url: request.url, headers: request.headers, response, open: true };
        streams.push(stream);
        response.on('close', () => {
            stream.open = false;
        });
        const refused = refusing ? 503 : front.check?.(request);
        if (refused) {
            stream.status = refused;
            response.writeHead(refused, { 'Content-Type': 'text/plain' }).end('not now\n');
        } else if (front.answer) {
            front.answer(request, response);
        } else {
            pass(request, response, stream);
        }
    });
    await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
    front.url = `http://127.0.0.1:${server.address().port}`;
    front.stop = () =>
        new Promise((done) => {
            server.close(done);
            server.closeAllConnections();
        });
    return front;
}
