// Looks at the built-in page in a real browser, as its readers see it.
//
//   SITE     URL of a running site that is closed while FLAG exists and answers 200 otherwise
//   FLAG     path of the flag file; this program writes and removes it
//   SHOTS    folder for screenshots (optional)
//   CHROMIUM the browser (default /usr/bin/chromium)
//
// Prints one line per check and exits with 1 if one failed.

import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

const { SITE, FLAG, SHOTS, CHROMIUM = '/usr/bin/chromium' } = process.env;
const STATUS = 500;
const ZONE = 'America/New_York';
const OFFSET = 60; // minutes east of UTC in which the flag says its end
const MINUTE = 60_000;
const BACK_WITHIN = 60_000; // the page asks after 40 seconds at the latest

const TITLES = {
  en: 'We are upgrading this site',
  de: 'Wir aktualisieren diese Website',
  ja: 'ただいまサイトを更新中です',
};
const LOCALES = { en: 'en-US', de: 'de-DE', ja: 'ja-JP' };
const SIZES = [{ width: 360, height: 740 }, { width: 1440, height: 900 }];
const MESSAGE = 'We are moving to version 8.\n'
  + 'Your files are safe & sound, <script>window.ran = true</script> and mail still arrives.';

let failures = 0;

function check(what, holds, found = '') {
  if (!holds) failures += 1;
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}${holds || found === '' ? '' : `: ${found}`}`);
}

// The flag file

/** `2026-11-22T23:00:00+01:00` */
function offsetDateTime(time) {
  return `${new Date(time.getTime() + OFFSET * MINUTE).toISOString().slice(0, 19)}+01:00`;
}

/** `2026-11-22 23:00 +01:00`, as readers without scripts see it */
function offsetText(time) {
  return offsetDateTime(time).replace('T', ' ').replace(/:\d\d\+/, ' +');
}

/** On the full minute, so that what is shown is what is written. */
function inMinutes(minutes) {
  return new Date(Math.floor((Date.now() + minutes * MINUTE) / MINUTE) * MINUTE);
}

/** Closes the site. A string of JSON is one of TOML, too. */
async function close({ message, end } = {}) {
  const lines = [];
  if (message) lines.push(`message = ${JSON.stringify(message)}`);
  if (end) lines.push(`end = ${offsetDateTime(end)}`);
  await writeFile(`${FLAG}.new`, `${lines.join('\n')}\n`);
  await rename(`${FLAG}.new`, FLAG);
}

const open = () => rm(FLAG, { force: true });

// The browser

/** A page of a reader of its own; what goes wrong in it is kept in `page.errors`. */
async function reader(browser, options = {}) {
  const context = await browser.newContext({
    locale: 'en-US', timezoneId: ZONE, viewport: SIZES[0], ...options,
  });
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  page.on('console', (line) => {
    const refusal = line.text().includes(`status of ${STATUS}`) && line.location().url.startsWith(SITE);
    if (line.type() === 'error' && !refusal) page.errors.push(line.text());
  });
  return page;
}

/** Runs `look` with a page and leaves nothing of it behind. */
async function withReader(browser, options, look) {
  const page = await reader(browser, options);
  try {
    await look(page);
  } finally {
    await page.context().close();
  }
}

const seen = (page, selector) => page.locator(selector).isVisible();
const text = (page, selector) => page.locator(selector).innerText();
const scrollsSideways = (page) => page.evaluate(
  () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
);

async function screenshot(page, name) {
  if (SHOTS) {
    const file = path.join(SHOTS, `${name}.png`);
    await page.screenshot({ path: file, fullPage: true, animations: 'disabled' });
  }
}

/** What axe-core finds with all of its rules, those of WCAG's level AAA too. */
async function violations(page) {
  await page.evaluate(axe.source);
  const { violations: found } = await page.evaluate(() => {
    const rules = window.axe.getRules().map(({ ruleId }) => [ruleId, { enabled: true }]);
    return window.axe.run(document, { rules: Object.fromEntries(rules) });
  });
  return found.map(({ id, nodes }) => `${id} (${nodes.map(({ target }) => target).join(', ')})`);
}

/** Hour and minute as `lang` writes them in the reader's zone. */
function clock(lang, time) {
  const format = new Intl.DateTimeFormat(LOCALES[lang], {
    hour: 'numeric', minute: '2-digit', timeZone: ZONE,
  });
  const part = (wanted) => format.formatToParts(time).find(({ type }) => type === wanted).value;
  return `${part('hour')}:${part('minute')}`;
}

/** A countdown to a time that is `minutes` or a little less away. */
function countdowns(lang, minutes) {
  const format = new Intl.RelativeTimeFormat(LOCALES[lang]);
  return [minutes, minutes - 1].map((left) => format.format(left, 'minute'));
}

// The checks

async function looksRight(browser, lang, viewport, colorScheme) {
  const name = `${lang}-${viewport.width}-${colorScheme}`;
  const end = inMinutes(42);
  await close({ message: MESSAGE, end });
  await withReader(browser, { locale: LOCALES[lang], viewport, colorScheme }, async (page) => {
    const answer = await page.goto(SITE);
    check(`${name}: status ${STATUS}`, answer.status() === STATUS, answer.status());
    const tag = await page.getAttribute('html', 'lang');
    check(`${name}: the page says its language`, tag === lang, tag);
    const titles = [await page.title(), await text(page, 'h1')];
    check(`${name}: title and heading`, titles.every((title) => title === TITLES[lang]), titles);
    const message = await text(page, '.message');
    check(`${name}: the message is text, line by line`, message === MESSAGE, message);
    check(`${name}: no script in it is run`, await page.evaluate(() => window.ran === undefined));
    const time = await text(page, 'time');
    check(`${name}: the end in the reader's zone`, time.includes(clock(lang, end)), time);
    const left = await text(page, '.left');
    check(`${name}: countdown`, countdowns(lang, 42).includes(left), left);
    check(`${name}: says nothing of being late`, !await seen(page, '#overdue'));
    check(`${name}: says that it comes back by itself`, await seen(page, '#waits'));
    check(`${name}: no scrolling sideways`, !await scrollsSideways(page));
    const found = await violations(page);
    check(`${name}: axe finds nothing`, found.length === 0, found.join('; '));
    await screenshot(page, name);
    check(`${name}: no errors`, page.errors.length === 0, page.errors.join('; '));
  });
}

/** Without a script the page says less, and nothing wrong. */
async function readsWithoutScript(page, name, end) {
  await page.goto(SITE);
  const time = await text(page, 'time');
  check(`${name}: the end with its offset`, time === offsetText(end), time);
  check(`${name}: no countdown`, await text(page, '.left') === '');
  const silent = !await seen(page, '#waits') && !await seen(page, '#overdue');
  check(`${name}: nothing that needs a script`, silent);
  check(`${name}: a link to try again`, await seen(page, 'a'));
  await screenshot(page, name.replaceAll(' ', '-'));
}

async function withoutScripts(browser) {
  const end = inMinutes(42);
  await close({ end });
  await withReader(browser, { javaScriptEnabled: false }, async (page) => {
    await readsWithoutScript(page, 'without scripts', end);
    const refresh = await page.locator('meta[http-equiv=refresh]').getAttribute('content');
    check('without scripts: tries again once a minute', refresh === '60', refresh);
  });
  await withReader(browser, {}, async (page) => {
    await page.route(SITE, async (route) => {
      const response = await route.fetch();
      const headers = { ...response.headers(), 'content-security-policy': "script-src 'none'" };
      await route.fulfill({ response, headers });
    });
    await readsWithoutScript(page, 'with scripts forbidden', end);
  });
}

/** A browser that knows neither Intl nor fetch. */
async function oldBrowser(browser) {
  await close({ end: inMinutes(42) });
  await withReader(browser, {}, async (page) => {
    await page.clock.install();
    await page.addInitScript(() => {
      delete window.Intl;
      delete window.fetch;
    });
    await page.goto(SITE);
    check('old browser: the page comes without errors', page.errors.length === 0, page.errors);
    check('old browser: no countdown', await text(page, '.left') === '');
    await open();
    await page.clock.fastForward(40_000);
    await page.waitForFunction((title) => document.title !== title, TITLES.en).catch(() => {});
    check('old browser: comes back by itself', await page.title() !== TITLES.en);
  });
}

async function rightToLeft(browser) {
  const messages = { ar: 'نقوم بترقية الخادم. ملفاتكم بأمان.', he: 'אנחנו משדרגים את השרת. הקבצים שלכם בטוחים.' };
  for (const [lang, message] of Object.entries(messages)) {
    await close({ message });
    await withReader(browser, {}, async (page) => {
      await page.goto(SITE);
      const direction = await page.locator('.message').evaluate((p) => getComputedStyle(p).direction);
      check(`${lang}: the message runs from right to left`, direction === 'rtl', direction);
      await screenshot(page, `right-to-left-${lang}`);
    });
  }
}

async function noWords(browser) {
  await close();
  await withReader(browser, {}, async (page) => {
    await page.goto(SITE);
    const shown = await page.locator('.message, time, #overdue').count();
    check('empty flag: neither message nor time', shown === 0, shown);
    check('empty flag: no errors', page.errors.length === 0, page.errors.join('; '));
    await screenshot(page, 'empty-flag');
  });
}

async function longMessage(browser) {
  await close({ message: `${'verylongword'.repeat(100)}\n${'Several words in a row. '.repeat(800)}` });
  await withReader(browser, {}, async (page) => {
    await page.goto(SITE);
    check('long message: no scrolling sideways', !await scrollsSideways(page));
  });
  await withReader(browser, { viewport: { width: 320, height: 600 } }, async (page) => {
    await page.goto(SITE);
    check('long message at 320 px: no scrolling sideways', !await scrollsSideways(page));
  });
}

async function overdue(browser) {
  await close({ end: inMinutes(-10) });
  await withReader(browser, {}, async (page) => {
    await page.goto(SITE);
    check('end in the past: says that it takes longer', await seen(page, '#overdue'));
    check('end in the past: no time any more', await page.locator('time').count() === 0);
    const found = await violations(page);
    check('end in the past: axe finds nothing', found.length === 0, found.join('; '));
    await screenshot(page, 'overdue');
  });
}

async function becomesOverdue(browser) {
  await close({ end: inMinutes(42) });
  await withReader(browser, {}, async (page) => {
    await page.clock.install();
    await page.goto(SITE);
    check('open page: says when', await seen(page, '#expected') && !await seen(page, '#overdue'));
    await page.clock.fastForward(43 * MINUTE);
    check('open page, end passed: says that it takes longer', await seen(page, '#overdue'));
    check('open page, end passed: no time any more', !await seen(page, '#expected'));
  });
}

/** Opens the page in the way of `visit` and tells how it comes back. */
async function comesBack(browser, name, visit, closed) {
  await withReader(browser, {}, async (page) => {
    await visit(page);
    check(`${name}: closed at first`, await page.title() === TITLES.en, await page.title());
    const asked = [];
    page.on('request', (request) => asked.push(request));
    closed.push(name);
    const timeout = BACK_WITHIN + 10_000;
    const isPage = (answer) => answer.request().isNavigationRequest();
    const [loaded] = await Promise.all([
      page.waitForEvent('response', { predicate: isPage, timeout }),
      page.waitForEvent('load', { timeout }),
    ]).catch(() => []);
    check(`${name}: comes back by itself`, loaded?.status() === 200, loaded?.status());
    const [first] = asked;
    const quiet = first?.method() === 'HEAD' && first.headers().accept.startsWith('text/html');
    check(`${name}: asks for a HEAD first`, quiet, first?.method());
    check(`${name}: loaded with GET`, loaded?.request().method() === 'GET');
    const { hash } = new URL(page.url());
    check(`${name}: keeps the fragment`, hash === new URL(name, SITE).hash, hash);
  });
}

async function post(page) {
  await page.setContent(`<form method="post" action="${SITE}"><button>Send</button></form>`);
  await Promise.all([page.waitForURL(SITE), page.click('button')]);
  page.on('dialog', () => check('a refused POST: no question', false));
}

/** The three wait at the same time, for up to 40 seconds. */
async function comeBack(browser) {
  await close();
  const closed = [];
  const waiting = [
    comesBack(browser, '/', (page) => page.goto(SITE), closed),
    comesBack(browser, '/#/files?page=2', (page) => page.goto(`${SITE}#/files?page=2`), closed),
    comesBack(browser, '/ after a POST', post, closed),
  ];
  const deadline = Date.now() + 15_000;
  while (closed.length < waiting.length && Date.now() < deadline) {
    await setTimeout(50);
  }
  await open();
  await Promise.all(waiting);
}

async function linkKeepsFragment(browser) {
  await close();
  await withReader(browser, {}, async (page) => {
    await page.goto(`${SITE}#wikis`);
    await open();
    await Promise.all([page.waitForEvent('load', { timeout: 10_000 }), page.click('a')]);
    check('the link loads the page', await page.title() !== TITLES.en, await page.title());
    check('the link keeps the fragment', page.url().endsWith('#wikis'), page.url());
  });
}

async function main() {
  if (!SITE || !FLAG) throw new Error('SITE and FLAG have to be set');
  if (SHOTS) await mkdir(SHOTS, { recursive: true });
  const browser = await chromium.launch({
    executablePath: CHROMIUM, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  try {
    for (const lang of Object.keys(TITLES)) {
      for (const size of SIZES) {
        for (const scheme of ['light', 'dark']) await looksRight(browser, lang, size, scheme);
      }
    }
    await withoutScripts(browser);
    await oldBrowser(browser);
    await rightToLeft(browser);
    await noWords(browser);
    await longMessage(browser);
    await overdue(browser);
    await becomesOverdue(browser);
    await linkKeepsFragment(browser);
    await comeBack(browser);
  } finally {
    await open();
    await browser.close();
  }
  console.log(failures === 0 ? 'all checks passed' : `${failures} failed`);
  process.exitCode = failures === 0 ? 0 : 1;
}

await main();
