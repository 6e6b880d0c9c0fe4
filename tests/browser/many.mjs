// Checks the status page of a server with 300 scopes in a real browser: what an administrator looks
// for is on the first screen, or one question away.
//
//   SITE  URL of a running server with host0.example.com to host59.example.com, each with /blogs,
//         /files, /mail and /wiki; /mail/hold/upload does not end
//   FLAGS folder of the flags: 7.flag closes host7, 7-mail.flag its location /mail
//
// Prints one line per check and exits with 1 if one failed. See browser.mjs for more variables.

import path from 'node:path';
import http from 'node:http';
import process from 'node:process';
import { writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import {
  SIZES, check, inMinutes, removeFlag, screenshot, scrollsSideways, text, violations, withBrowser,
  withReader, writeFlag,
} from './browser.mjs';

const { SITE, FLAGS } = process.env;
const STATUS = `${SITE}/status`;
const PATIENCE = 15_000;
const LONGEST = 12_000; // pixels of the page at 360 px: some 50 scopes
const flag = (name) => path.join(FLAGS, `${name}.flag`);

/** Begins a request that does not end. */
function begin(host, target) {
  const { hostname, port } = new URL(SITE);
  const request = http.get({ hostname, port, path: target, agent: false, headers: { Host: host } });
  return request.on('error', () => {});
}

async function reported(what, holds) {
  const deadline = Date.now() + PATIENCE;
  while (Date.now() < deadline) {
    if (holds(await (await fetch(`${STATUS}?format=json`)).json())) return;
    await setTimeout(100);
  }
  check(what, false);
}

/** Whether the element is on the screen, without scrolling. */
async function onScreen(page, locator) {
  const box = await locator.boundingBox();
  const { width, height } = page.viewportSize();
  return box !== null && box.y >= 0 && box.x >= 0
    && box.y + Math.min(box.height, 24) <= height && box.x < width;
}

async function isGood(page, name) {
  check(`${name}: no scrolling sideways`, !await scrollsSideways(page));
  check(`${name}: no script`, await page.locator('script').count() === 0);
  check(`${name}: no errors`, page.errors.length === 0, page.errors.join('; '));
  const found = await violations(page);
  check(`${name}: axe finds nothing`, found.length === 0, found.join('; '));
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  check(`${name}: not long`, height < LONGEST, height);
}

/** Looks at the page for a query in all sizes and colours. */
async function everywhere(browser, name, query, look) {
  for (const viewport of SIZES) {
    for (const colorScheme of ['light', 'dark']) {
      await withReader(browser, { viewport, colorScheme }, async (page) => {
        const here = `many-${name}-${viewport.width}-${colorScheme}`;
        const answer = await page.goto(STATUS + query);
        const html = await answer.body();
        check(`${here}: status 200`, answer.status() === 200, answer.status());
        check(`${here}: at most 200 KB`, html.length < 200_000, html.length);
        await screenshot(page, `${here}-first`, {});
        await look(page, here);
        await screenshot(page, here);
        await isGood(page, here);
      });
    }
  }
}

const words = (shown) => shown.replace(/\s+/g, ' ');
const rowsOf = (page) => page.locator('.scopes tbody tr:not(.more) th').allInnerTexts();

/** Which are closed? It is in the heading, by name, and at the top of the table. */
async function whichAreClosed(page, here) {
  const heading = page.getByRole('heading', { level: 1 });
  check(`${here}: how many are closed`, (await heading.innerText()).startsWith('7 of 300 scopes are closed'), await heading.innerText());
  check(`${here}: how many, on the screen`, await onScreen(page, heading));
  const named = page.locator('.answer.head li', { hasText: 'host7.example.com' }).first();
  check(`${here}: which, on the screen`, await onScreen(page, named));
  const shown = words(await text(page, 'section[aria-labelledby=state]'));
  for (const count of ['1 in error', '1 overdue', '6 closed', '5 announced', '288 open']) {
    check(`${here}: ${count}`, shown.includes(count), shown);
  }
  const rows = await rowsOf(page);
  check(`${here}: 50 scopes`, rows.length === 50, rows.length);
  check(`${here}: the overdue one is the first`, rows[0].includes('host33.example.com'), rows[0]);
  check(`${here}: then the one in error`, rows[1].includes('host20.example.com'), rows[1]);
}

/** What still runs? It is on the screen, or below the first answer on a phone. */
async function whatRuns(page, here) {
  const card = page.locator('section[aria-labelledby=running]');
  const shown = words(await card.innerText());
  check(`${here}: one request from before`, shown.includes('1 request from before the closing is still running'), shown);
  if (page.viewportSize().width > 1000) {
    check(`${here}: what runs, on the screen`, await onScreen(page, card));
  }
  await card.locator('summary').click();
  const which = words(await card.innerText());
  check(`${here}: which request`, which.includes('/mail/hold/upload') && which.includes('host7.example.com'), which);
}

/** The headings stay in view. */
async function sticky(page, here) {
  await page.locator('.scopes tbody tr').nth(60).evaluate((row) => row.scrollIntoView({ block: 'center' }));
  const heading = page.getByRole('heading', { name: 'Scopes', exact: true });
  check(`${here}: the heading stays`, await onScreen(page, heading));
  if (page.viewportSize().width > 1000) {
    const column = page.locator('.scopes thead th').nth(1);
    check(`${here}: the names of the columns stay`, await onScreen(page, column));
    const [above, below] = [await heading.boundingBox(), await column.boundingBox()];
    check(`${here}: one below the other`, above.y + above.height <= below.y + 1, `${above.y} ${below.y}`);
  }
  await screenshot(page, `${here}-scrolled`, {});
  await page.evaluate(() => window.scrollTo(0, 0));
}

/** Why is this one open? One question, and the answer is on the screen. */
async function whyOpen(browser) {
  for (const viewport of SIZES) {
    await withReader(browser, { viewport }, async (page) => {
      const here = `many-why-${viewport.width}`;
      await page.goto(`${STATUS}?refresh=600`);
      await page.getByRole('searchbox', { name: 'Name' }).fill('host17.');
      await page.getByRole('button', { name: 'Show', exact: true }).click();
      await page.waitForLoadState();
      const url = new URL(page.url());
      check(`${here}: goes on reloading`, url.searchParams.get('refresh') === '600', url);
      const rows = await rowsOf(page);
      check(`${here}: the host and its locations`, rows.length === 5, rows);
      const why = page.locator('.scopes .why p').first();
      check(`${here}: why`, (await why.innerText()).endsWith('/17.flag is absent'), await why.innerText());
      check(`${here}: why, on the screen`, await onScreen(page, why));
      const shown = words(await text(page, 'main'));
      check(`${here}: says what it is about`, shown.includes('about the 5 of 300 scopes that have host17. in their names'), shown);
      await screenshot(page, `${here}-first`, {});
      await isGood(page, here);
      await page.getByRole('link', { name: 'Show all' }).click();
      await page.waitForLoadState();
      check(`${here}: back to all`, (await rowsOf(page)).length === 50);
    });
  }
}

/** From page to page, and to the scopes in one state. */
async function browse(browser) {
  await withReader(browser, { viewport: SIZES[1], javaScriptEnabled: false }, async (page) => {
    await page.goto(STATUS);
    const seen = new Set(await rowsOf(page));
    for (let number = 2; number <= 6; number += 1) {
      await page.getByRole('link', { name: 'Next' }).first().click();
      (await rowsOf(page)).forEach((row) => seen.add(row));
    }
    check('browse: six pages', await page.getByRole('link', { name: 'Next' }).count() === 0);
    check('browse: says where', (await text(page, 'nav >> nth=0')).includes('251 to 300 of 300'));
    check('browse: all hosts', [...seen].filter((row) => row.startsWith('host')).length >= 60, seen.size);
    await page.getByRole('link', { name: '5 announced' }).click();
    const states = await page.locator('.scopes .pill').allInnerTexts();
    check('browse: the announced ones', states.join() === Array(5).fill('announced').join(), states);
  });
}

async function checks(browser) {
  await everywhere(browser, 'open', '', async (page, here) => {
    const shown = words(await text(page, 'section[aria-labelledby=state]'));
    check(`${here}: all are open`, shown.includes('All 300 scopes are open.'), shown);
  });
  const upload = begin('host7.example.com', '/mail/hold/upload');
  await reported('the request runs', ({ in_flight: flight }) => flight.requests === 1);
  await writeFlag(flag('7'), { end: inMinutes(102), by: 'anna', reason: 'new disks' });
  await writeFlag(flag('33-wiki'), { end: inMinutes(-20) });
  await writeFlag(flag('12'), { start: inMinutes(42) });
  await writeFile(flag('20-files'), 'end = tomorrow\n');
  await reported('all is as wanted', ({ closed_scopes: closed, flags }) => (
    closed === 7 && flags.some(({ path: at, error }) => at === flag('20-files') && error)));
  await everywhere(browser, 'some', '', async (page, here) => {
    await whichAreClosed(page, here);
    await whatRuns(page, here);
    await sticky(page, here);
  });
  await everywhere(browser, 'error', '?state=error', async (page, here) => {
    const rows = await rowsOf(page);
    check(`${here}: one scope`, rows.length === 1 && rows[0].includes('host20.example.com'), rows);
  });
  await everywhere(browser, 'last', '?page=6', async (page, here) => {
    check(`${here}: 50 scopes`, (await rowsOf(page)).length === 50);
  });
  await everywhere(browser, 'nobody', '?scope=nobody', async (page, here) => {
    const shown = words(await text(page, 'section[aria-labelledby=state]'));
    check(`${here}: says that there is none`, shown.includes('No scope has this in its name.'), shown);
  });
  await whyOpen(browser);
  await browse(browser);
  upload.destroy();
}

if (!SITE || !FLAGS) throw new Error('SITE and FLAGS have to be set');
const names = ['7', '33-wiki', '12', '20-files'];
await withBrowser(checks).finally(() => Promise.all(names.map((name) => removeFlag(flag(name)))));
