// Checks the built-in page in a real browser.
//
//   SITE     URL of a running site that is closed while FLAG exists and answers 200 otherwise
//   FLAG     path of the flag file; this program writes and removes it
//
// Prints one line per check and exits with 1 if one failed. See browser.mjs for more variables.

import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import {
  MINUTE, SIZES, ZONE, check, expectErrors, inMinutes, offsetText, removeFlag, screenshot,
  scrollsSideways, seen, text, violations, withBrowser, withReader, writeFlag,
} from './browser.mjs';

const { SITE, FLAG } = process.env;
const STATUS = 500;
const BACK_WITHIN = 60_000; // the page asks after 40 seconds at the latest

const TITLES = {
  en: 'Down for maintenance',
  de: 'Wartungsarbeiten',
  ja: 'ただいまメンテナンス中です',
};
const LOCALES = { en: 'en-US', de: 'de-DE', ja: 'ja-JP' };
const MESSAGE = 'We are moving to version 8.\n'
  + 'Your files are safe & sound, <script>window.ran = true</script> and mail still arrives.';

const close = (content) => writeFlag(FLAG, content);
const open = () => removeFlag(FLAG);

/** Hour and minute as `lang` writes them in the reader's zone. */
function clock(lang, time) {
  const format = new Intl.DateTimeFormat(LOCALES[lang], {
    hour: 'numeric', minute: '2-digit', timeZone: ZONE,
  });
  const part = (wanted) => format.formatToParts(time).find(({ type }) => type === wanted).value;
  return `${part('hour')}:${part('minute')}`;
}

/** A countdown to a time in `minutes`, or a little less. */
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

/** Without scripts the page shows less, but nothing wrong. */
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

/** A browser that supports neither Intl nor fetch. */
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

/** Opens the page with `visit` and checks how it returns to the site. */
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

/** The three pages wait concurrently, for up to 40 seconds. */
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

async function checks(browser) {
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
}

const refused = `status of ${STATUS}`;
expectErrors((line) => line.text().includes(refused) && line.location().url.startsWith(SITE));
if (!SITE || !FLAG) throw new Error('SITE and FLAG have to be set');
await withBrowser(checks).finally(open);
