// The snippets of the demo page: filled in, shown as tabs, copied.
//
// In the page they have {origin}, {module}, {token} and the log's path as {log:shell}, {log:php},
// {log:python}, each quoted as its language wants it.

const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const string = (text) => text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");

/** Put the values in the place of their names. */
export function fillSnippets({ origin, module, token, log }) {
    const values = {
        '{origin}': origin,
        '{module}': module,
        '{token}': token,
        '{log:shell}': shell(log),
        '{log:php}': string(log),
        '{log:python}': string(log),
    };
    for (const code of document.querySelectorAll('pre code')) {
        code.textContent = code.textContent.replace(/\{[a-z:]+\}/g, (name) => values[name] ?? name);
    }
}

async function copy(button) {
    const code = document.getElementById(button.dataset.copy);
    const label = button.firstChild;
    try {
        await navigator.clipboard.writeText(code.textContent);
        label.data = 'Copied';
    } catch {
        // No clipboard without https, or not allowed: then it is selected, for Ctrl-C.
        getSelection().selectAllChildren(code);
        label.data = 'Selected';
    }
    document.getElementById('said').textContent = label.data;
    setTimeout(() => {
        label.data = 'Copy';
    }, 2000);
}

function choose(tabs, tab) {
    for (const each of tabs) {
        const chosen = each === tab;
        each.setAttribute('aria-selected', String(chosen));
        each.tabIndex = chosen ? 0 : -1;
        document.getElementById(each.getAttribute('aria-controls')).hidden = !chosen;
    }
}

/** Tabs by click and by arrow keys, and the buttons that copy. */
export function startSnippets() {
    const tabs = [...document.querySelectorAll('[role=tab]')];
    tabs.forEach((tab, at) => {
        tab.addEventListener('click', () => choose(tabs, tab));
        tab.addEventListener('keydown', (event) => {
            const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
            if (to === undefined) {
                return;
            }
            event.preventDefault();
            const next = tabs[(to + tabs.length) % tabs.length];
            choose(tabs, next);
            next.focus();
        });
    });
    for (const button of document.querySelectorAll('[data-copy]')) {
        button.addEventListener('click', () => copy(button));
    }
}
