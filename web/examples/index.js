// The page shows the file itself, so that it cannot differ from it.
import { byId } from './common.js';

const response = await fetch('app.sql');
byId('sql').textContent = response.ok ? await response.text() : `The server answered ${response.status}.`;
