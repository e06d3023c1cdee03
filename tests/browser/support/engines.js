// A real browser: Chromium and Firefox by puppeteer-core, WebKit by its own WebDriver.
//
//   const browser = await openBrowser();      the engine ROWCAST_ENGINE names, or openBrowser('webkit')
//   const page = await browser.open(url);     a new tab, loaded
//   await page.run(fn, ...args)               fn in the page; awaits a promise; JSON values
//   await page.until(fn, ...args)             until fn is true there; its value
//   await page.reload(), await page.close()
//   await page.resize(width, height), await page.dark(true)
//   await page.screenshot(file, { width, height, dark })
//   page.console                              errors and warnings so far: [{type, text}]
//   page.raw                                  puppeteer's page, or null
//   await browser.close()
import fs from 'node:fs';

import puppeteer from 'puppeteer-core';

import { openWebKit } from './webkit.js';

const DEADLINE_MS = 45000; // a client whose server refused it waits for up to 30 s
const CHROMIUM = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
];

export const engine = process.env.ROWCAST_ENGINE || 'chromium';

/** What every engine's page can do, given run(fn, ...args). */
export function withUntil(page) {
    page.until = async (fn, ...args) => {
        let last;
        for (const limit = Date.now() + DEADLINE_MS; Date.now() < limit; ) {
            try {
                const value = await page.run(fn, ...args);
                if (value) {
                    return value;
                }
                last = value;
            } catch (error) {
                last = error; // the page is being loaded
            }
            await new Promise((next) => setTimeout(next, 20));
        }
        const said = await page.run(() => JSON.stringify(window.said ?? null)).catch(String);
        throw new Error(`waited for ${fn}, with ${JSON.stringify(args)}; last ${last}; said ${said}`);
    };
    return page;
}

function wrapped(raw) {
    const page = { raw, console: [] };
    raw.on('console', (message) => {
        const type = message.type();
        if (type === 'error' || type === 'warn' || type === 'warning') {
            page.console.push({ type, text: `${message.text()} ${message.location()?.url ?? ''}` });
        }
    });
    raw.on('pageerror', (error) => page.console.push({ type: 'error', text: String(error) }));
    page.run = (fn, ...args) => raw.evaluate(fn, ...args);
    page.reload = () => raw.reload();
    page.close = () => raw.close();
    page.resize = (width, height) => raw.setViewport({ width, height });
    page.dark = (yes) =>
        raw.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: yes ? 'dark' : 'light' }]);
    page.screenshot = async (file, { width = 1280, height = 900, dark = false, fullPage = true } = {}) => {
        await page.resize(width, height);
        await page.dark(dark);
        await raw.screenshot({ path: file, fullPage });
    };
    return withUntil(page);
}

async function openPuppeteer(name) {
    const browser = await puppeteer.launch(
        name === 'firefox'
            ? { browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true }
            : { executablePath: '/usr/bin/chromium', headless: true, args: CHROMIUM }
    );
    return {
        name,
        raw: browser,
        open: async (url) => {
            const raw = await browser.newPage();
            const page = wrapped(raw);
            await raw.goto(url);
            return page;
        },
        close: () => browser.close(),
    };
}

export async function openBrowser(name = engine) {
    if (name === 'webkit') {
        return openWebKit(withUntil);
    }
    if (name !== 'chromium' && name !== 'firefox') {
        throw new Error(`no such engine: ${name}`);
    }
    return openPuppeteer(name);
}

/** The folder for screenshots, or null when nobody asked for them. */
export function screenshotFolder() {
    const folder = process.env.ROWCAST_SCREENSHOTS;
    if (folder) {
        fs.mkdirSync(folder, { recursive: true });
    }
    return folder || null;
}
