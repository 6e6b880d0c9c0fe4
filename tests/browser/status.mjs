// Checks the status page in a real browser.
//
//   SITE       URL of a running server; its page is at /status, and /slow/MILLISECONDS takes that long
//   FLAG       path of the flag file that closes all but one scope
//   BLOGS_FLAG path of the flag file that also closes /blogs
//   NODES      path of an allow file
//
// Prints one line per check and exits with 1 if one failed. See browser.mjs for more variables.

import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import {
  SIZES, check, inMinutes, removeFlag, screenshot, scrollsSideways, text, violations, withBrowser,
  withReader, writeFlag,
} from './browser.mjs';

const { SITE, FLAG, BLOGS_FLAG, NODES } = process.env;
const STATUS = `${SITE}/status`;
const SLOW = 45_000;
const PATIENCE = 15_000;
const HTML = '<img/src=x/onerror=window.ran=1><script>window.ran=1</script>';
const LONG = 'x'.repeat(200); // more than is kept
const MESSAGE = 'We are moving to version 8.\nYour files & messages are safe.';
const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

// Clients

/** The status of a GET from the given client address. */
function get(target, localAddress, agent = 'test') {
  const { hostname, port } = new URL(SITE);
  const options = {
    hostname, port, path: target, localAddress, agent: false, headers: { 'User-Agent': agent },
  };
  return new Promise((resolve, reject) => {
    http.get(options, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode));
    }).on('error', reject);
  });
}

async function getOften(count, ...request) {
  for (let number = 0; number < count; number += 1) await get(...request);
}

/** Waits until the condition is true for the report as JSON. */
async function reported(what, holds) {
  const deadline = Date.now() + PATIENCE;
  let report;
  do {
    report = await (await fetch(`${STATUS}?format=json`)).json();
    if (holds(report)) return;
    await setTimeout(50);
  } while (Date.now() < deadline);
  check(what, false, JSON.stringify(report));
}

// The checks

/** Checks that apply to every page. */
async function isGood(page, name) {
  check(`${name}: no scrolling sideways`, !await scrollsSideways(page));
  check(`${name}: no script ran`, await page.evaluate(() => window.ran === undefined));
  const strange = await page.locator('script, img').count();
  check(`${name}: no strange elements`, strange === 0, strange);
  check(`${name}: no errors`, page.errors.length === 0, page.errors.join('; '));
  const found = await violations(page);
  check(`${name}: axe finds nothing`, found.length === 0, found.join('; '));
}

/** Checks the page in all sizes and colours. `sentences` are expected in the elements with these IDs. */
async function looksRight(browser, name, query, sentences) {
  for (const viewport of SIZES) {
    for (const colorScheme of ['light', 'dark']) {
      await withReader(browser, { viewport, colorScheme }, async (page) => {
        const here = `${name}-${viewport.width}-${colorScheme}`;
        const answer = await page.goto(STATUS + query);
        check(`${here}: status 200`, answer.status() === 200, answer.status());
        for (const [section, sentence] of Object.entries(sentences)) {
          const shown = await text(page, `section[aria-labelledby=${section}]`);
          check(`${here}: ${sentence}`, shown.replace(/\s+/g, ' ').includes(sentence), shown);
        }
        await screenshot(page, here);
        await isGood(page, here);
      });
    }
  }
}

/** A field of the form. */
const field = (page, name) => page.getByRole('textbox', { name });
const statesOf = (page) => page.locator('.scopes .pill').allInnerTexts();

async function open(browser) {
  await looksRight(browser, 'open', '', {
    state: 'All 3 scopes are open, 1 with MaintenanceEngine Off.',
    running: '0 requests are running.',
    who: '0 clients were refused.',
  });
}

async function announced(browser) {
  const [start, end] = [inMinutes(42), inMinutes(102)];
  await writeFlag(FLAG, { start, end, message: MESSAGE });
  await looksRight(browser, 'announced', '', { state: 'Closes in 4', flags: 'announced' });
  await removeFlag(FLAG);
}

async function partlyClosed(browser) {
  await writeFlag(BLOGS_FLAG);
  check('partly closed: refused', await get('/blogs/', '127.0.0.7') === 503);
  await looksRight(browser, 'partly-closed', '?client=127.0.0.8&path=/blogs/&host=www.example.com', {
    state: 'Closed: www.example.com',
    running: 'the closed applications can be stopped. In scopes that are not closed: 2.',
    who: '1 client was refused since the last closing, ',
    passes: 'Refused now and refused while closed: 127.0.0.8 for /blogs/',
    preflight: `with 503: closed by ${BLOGS_FLAG}; unless the environment has TRUSTED`,
  });
}

async function closed(browser) {
  await getOften(2, `/${HTML}`, '127.0.0.18', HTML);
  await get(`/${LONG}`, '127.0.0.19', LONG);
  await looksRight(browser, 'closed', '?client=10.20.1.7&path=/healthz', {
    state: 'Ends in',
    running: '2 requests from before the closing are still running, the oldest for',
    who: 'clients were refused since the last closing',
    passes: 'Passes now and passes while closed: 10.20.1.7 for /healthz',
    flags: 'stays closed until it is removed',
    refused: HTML,
  });
  await withReader(browser, { viewport: SIZES[1] }, async (page) => {
    await page.goto(STATUS);
    const states = await statesOf(page);
    check('closed: each scope says so', states.join() === 'closed,closed,off', states);
    const row = page.locator('.refused tr', { hasText: '127.0.0.18' });
    const cells = await row.locator('td').allInnerTexts();
    check('closed: HTML is text', cells[1] === `/${HTML}` && cells[2] === HTML, cells);
  });
}

/** Only the JSON lists more than the first 25 refused clients. */
async function crowded(browser) {
  for (let number = 100; number < 130; number += 1) await get('/', `127.0.0.${number}`);
  await withReader(browser, {}, async (page) => {
    await page.goto(STATUS);
    const rows = await page.locator('.refused tbody tr').count();
    check('many refused clients: 25 are shown', rows === 25, rows);
    const said = await text(page, 'section[aria-labelledby=refused] > p');
    check('many refused clients: says where the others are', said.includes('JSON has more'), said);
  });
}

async function details(browser) {
  for (const viewport of SIZES) {
    await withReader(browser, { viewport }, async (page) => {
      const name = `details-${viewport.width}`;
      await page.goto(STATUS);
      for (const summary of await page.locator('summary').all()) await summary.click();
      const shown = (await page.locator('.more').allInnerTexts()).join(' ').replace(/\s+/g, ' ');
      const wanted = ['3 addresses and networks: 10.20.0.0/16 line 2', 'charset=utf-8: built-in', 'Status 503'];
      const missing = wanted.filter((words) => !shown.includes(words));
      check(`${name}: allowlist, pages and statuses`, missing.length === 0, shown);
      await screenshot(page, name);
      await isGood(page, name);
    });
  }
}

/** The newest version of an allow file cannot be used. */
async function staleFile(browser) {
  await writeFile(NODES, 'neither address nor network\n');
  await reported('a file is stale', ({ scopes }) => scopes.some(
    ({ allow }) => allow.some(({ file }) => file?.is_last === false),
  ));
  await withReader(browser, {}, async (page) => {
    await page.goto(STATUS);
    const summary = await page.locator('.more summary').first().innerText();
    check('stale file: seen at first sight', summary.includes('1 not the newest version'), summary);
    await page.locator('.more summary').first().click();
    await isGood(page, 'stale file');
  });
}

async function form(browser) {
  await withReader(browser, {}, async (page) => {
    await page.goto(`${STATUS}?refresh=3600`);
    await field(page, 'Client').fill('127.0.0.41');
    await field(page, 'Path').fill(`/${HTML}`);
    await field(page, 'Host').fill('nobody.example.com');
    const [answer] = await Promise.all([
      page.waitForEvent('response'), page.getByRole('button', { name: 'Ask' }).click(),
    ]);
    check('form: the answer comes', answer.status() === 200, answer.url());
    await page.waitForLoadState();
    const { hash, searchParams } = new URL(page.url());
    check('form: goes to the answer', hash === '#preflight', hash);
    check('form: goes on reloading', searchParams.get('refresh') === '3600', page.url());
    const values = await Promise.all(
      ['Client', 'Path', 'Host'].map((name) => field(page, name).inputValue()),
    );
    const expected = ['127.0.0.41', `/${HTML}`, 'nobody.example.com'];
    check('form: what was asked is there again', values.join() === expected.join(), values);
    const shown = await text(page, 'section[aria-labelledby=preflight]');
    check('form: why it passes', shown.includes('allowed by 127.0.0.40/30'), shown);
    const unknown = 'No server has the name nobody.example.com';
    check('form: which name is unknown', shown.includes(unknown), shown);
    await isGood(page, 'form');
  });
}

async function reloads(browser) {
  await withReader(browser, {}, async (page) => {
    const answer = await page.goto(`${STATUS}?client=127.0.0.41`);
    check('no reloading unless wanted', answer.headers().refresh === undefined);
    const link = page.getByRole('link', { name: 'Reload every 5 s' });
    const [wanted] = await Promise.all([page.waitForEvent('response'), link.click()]);
    check('reloading: the header', wanted.headers().refresh === '5', wanted.headers().refresh);
    const again = await page.waitForEvent('response', { timeout: PATIENCE }).catch(() => {});
    check('reloading: by itself', again?.status() === 200, again?.status());
    const stop = page.getByRole('link', { name: 'Stop reloading' });
    const [stopped] = await Promise.all([page.waitForEvent('response'), stop.click()]);
    check('reloading: stops', stopped.headers().refresh === undefined, stopped.headers().refresh);
    const client = await field(page, 'Client').inputValue();
    check('reloading: the question stays', client === '127.0.0.41', client);
  });
}

async function onPaper(browser) {
  await withReader(browser, { viewport: { width: 720, height: 1000 } }, async (page) => {
    await page.goto(STATUS);
    await page.emulateMedia({ media: 'print' });
    check('print: no scrolling sideways', !await scrollsSideways(page));
    check('print: no form', await page.locator('form:visible').count() === 0);
    const details = await page.locator('.more dl').first().boundingBox();
    check('print: the details are there', details?.height > 50, JSON.stringify(details));
  });
}

async function drained(browser, slow) {
  await Promise.all(slow);
  const admitted = get('/slow/8000', '127.0.0.41');
  await reported('only an admitted request runs', ({ in_flight: flight }) => (
    flight.requests === 1 && flight.from_before_closing === 0));
  await withReader(browser, {}, async (page) => {
    await page.goto(STATUS);
    const shown = await text(page, 'section[aria-labelledby=running]');
    const expected = 'running: the closed applications can be stopped (1 request of an admitted client is running).';
    check('drained: the application can be stopped', shown.includes(expected), shown);
  });
  await admitted;
}

async function overdue(browser) {
  await writeFlag(FLAG, { end: inMinutes(-20) });
  await looksRight(browser, 'overdue', '', {
    state: '2 of 3 scopes are closed, 2 past the end',
    flags: 'overdue',
  });
}

/** The screenshot for the README, with fictitious names and addresses. */
async function picture(browser) {
  await getOften(14, '/blogs/roller-ui/feed', '127.0.0.61', 'Connections-Desktop-Plugin/24.9');
  await getOften(41, '/healthz', '127.0.0.9', 'kube-probe/1.34');
  await getOften(6, '/homepage/', '127.0.0.77', BROWSER);
  await get('/files/app', '127.0.0.83', BROWSER);
  const { host, port } = new URL(SITE);
  const root = path.dirname(FLAG);
  const names = [
    [root.replaceAll('/', '&#x2f;'), '/etc/apache2'], [`<small>${host}`, '<small>*:443'], [`:${port}`, ':443'],
    ['127.0.0.', '10.0.8.'], ['maintenance.test', 'web1.example.com'],
    [`</strong> of ${os.hostname()} `, '</strong> of web1 '],
  ];
  const options = { viewport: { width: 1240, height: 900 }, deviceScaleFactor: 1.25 };
  await withReader(browser, options, async (page) => {
    await page.route((url) => url.href.startsWith(STATUS), async (route) => {
      const response = await route.fetch();
      const body = names.reduce((html, [from, to]) => html.replaceAll(from, to), await response.text());
      await route.fulfill({ response, body });
    });
    await page.goto(`${STATUS}?client=10.20.1.7&path=/healthz&refresh=5`);
    const list = await page.locator('section[aria-labelledby=refused]').boundingBox();
    const clip = { x: 0, y: 0, width: 1240, height: list.y + list.height + 24 };
    await screenshot(page, 'maintenance-status', { fullPage: true, clip });
  });
}

async function checks(browser) {
  await open(browser);
  await announced(browser);
  const slow = ['127.0.0.5', '127.0.0.6'].map((client) => get(`/slow/${SLOW}`, client));
  await reported('slow requests run', ({ in_flight: flight }) => flight.requests === 2);
  await partlyClosed(browser);
  await writeFlag(FLAG, { end: inMinutes(102), message: MESSAGE });
  await picture(browser);
  await closed(browser);
  await drained(browser, slow);
  await crowded(browser);
  await details(browser);
  await form(browser);
  await reloads(browser);
  await onPaper(browser);
  await overdue(browser);
  await staleFile(browser);
}

if (!SITE || !FLAG || !BLOGS_FLAG || !NODES) throw new Error('a variable is missing');
await withBrowser(checks).finally(() => Promise.all([FLAG, BLOGS_FLAG].map(removeFlag)));
