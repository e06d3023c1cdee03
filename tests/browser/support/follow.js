// In the page: follow(url, options) opens a rowcast() stream and writes down what it says, in
// window.said, and all rows that this tab ever had in sessionStorage.rows.  A page opened as follow.html?ADDRESS follows ADDRESS at once, as an application
// does when it is loaded.
import { rowcast } from '/rowcast.js';

window.rowcast = rowcast;
window.follow = (url, options) => {
    const said = (window.said = { rows: [], ids: [], gaps: [], replays: [], opens: 0, errors: 0, sessions: [] });
    const stream = (window.stream = rowcast(url, options));
    stream.onopen = () => said.opens++;
    stream.onerror = () => said.errors++;
    stream.ongap = (event) => said.gaps.push(JSON.parse(event.data).reason);
    stream.onreplay = (event) => said.replays.push(event.type);
    const row = (event) => {
        said.rows.push(event.data);
        sessionStorage.rows = `${sessionStorage.rows ?? ''}${event.data} `;
    };
    stream.onmessage = row;
    stream.addEventListener('connected', (event) => said.sessions.push(JSON.parse(event.data).sessionId));
    stream.addEventListener('tick', (event) => {
        row(event);
        said.ids.push(event.lastEventId);
    });
};
if (location.search) {
    window.follow(decodeURIComponent(location.search.slice(1)));
}
