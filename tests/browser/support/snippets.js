// The snippets of the documents, so that what is told is what is tested.
//
//   snippet('clients.md', 'curl')    the first fenced block below the heading `### curl`
import fs from 'node:fs';

import { root } from './stage.js';

export function snippet(document, heading) {
    const text = fs.readFileSync(`${root}/docs/${document}`, 'utf8');
    const at = text.indexOf(`\n### ${heading}\n`);
    const block = at < 0 ? null : /\n```\w*\n([\s\S]*?)\n```/.exec(text.slice(at));
    if (!block) {
        throw new Error(`docs/${document} has no snippet below "### ${heading}"`);
    }
    return block[1] + '\n';
}
