// Checks in a real browser how the public notice looks: the page and the bar.
//
// Prints one line per check and exits with 1 if one failed. See browser.mjs and public.mjs for the
// variables.

import {
  MINUTE, SIZES, ZONE, check, inMinutes, offsetText, screenshot, scrollsSideways, text, violations,
  withBrowser, withReader,
} from './browser.mjs';
import { BAR, NOTICE, SITE, announce, barText, shows, silence, soon } from './public.mjs';

const LOCALES = { en: 'en-US', de: 'de-DE', ja: 'ja-JP' };
const TITLES = {
  en: 'Upgrade of Connections', de: 'Umstellung von Connections', ja: 'Connections の更新',
};
const MESSAGES = {
  en: 'We are moving to version 8.\nYour files & messages are safe.',
  de: 'Wir stellen auf Version 8 um.\nIhre Dateien & Nachrichten sind sicher.',
  ja: 'バージョン 8 に移行します。\nファイルとメッセージは安全です。',
};
const ARABIC = {
  title: 'ترقية الخادم', message: 'ننتقل إلى الإصدار 8 من Connections.\nملفاتكم ورسائلكم بأمان.',
};
const LEADS = {
  en: 'The site will be closed during this time.',
  de: 'In dieser Zeit ist die Website nicht erreichbar.',
  ja: 'この時間帯はサイトをご利用いただけません。',
};

/** Everything that tries to be more than text. */
const HOSTILE = '<img src=x onerror="window.ran=1"></script><script>window.ran=1</script>'
  + '<!--</p></maintenance-notice-bar>&lt;b&gt; {{ 7*7 }} ${window.ran=1} \' " \\u0022 \\';

/** Each variant: a name, the options of the reader, the language of the texts. */
function variants(name, langs = Object.keys(LOCALES)) {
  return langs.flatMap((lang) => SIZES.flatMap((viewport) => ['light', 'dark'].map((colorScheme) => ({
    name: `${name}-${lang}-${viewport.width}-${colorScheme}`,
    options: { locale: LOCALES[lang], viewport, colorScheme },
    lang,
  }))));
}

/** Whether the words contain the hour and the minute as `lang` writes them in the reader's zone. */
function hasTime(words, lang, time) {
  const format = new Intl.DateTimeFormat(LOCALES[lang], {
    hour: 'numeric', minute: '2-digit', timeZone: ZONE,
  });
  const part = (wanted) => format.formatToParts(time).find(({ type }) => type === wanted).value;
  return new RegExp(`(?<!\\d)0?${part('hour')}[:時]${part('minute')}(?!\\d)`).test(words);
}

const direction = (page, selector) => page.locator(selector).evaluate((it) => getComputedStyle(it).direction);

/** Checks that apply to every page. */
async function isGood(page, name) {
  check(`${name}: no scrolling sideways`, !await scrollsSideways(page));
  check(`${name}: no script in a text ran`, await page.evaluate(() => window.ran === undefined));
  check(`${name}: prints nothing`, page.printed.length === 0, page.printed.join('; '));
  check(`${name}: no errors`, page.errors.length === 0, page.errors.join('; '));
  const found = await violations(page);
  check(`${name}: axe finds nothing`, found.length === 0, found.join('; '));
}

async function thePage(browser, kind, langs, { title, message }, times, state) {
  for (const { name, options, lang } of variants(kind, langs)) {
    await withReader(browser, options, async (page) => {
      const answer = await page.goto(NOTICE);
      check(`${name}: status 200`, answer.status() === 200, answer.status());
      const tag = await page.getAttribute('html', 'lang');
      check(`${name}: the page says its language`, tag === lang, tag);
      const heading = await text(page, 'h1');
      check(`${name}: the heading`, heading === (title[lang] ?? title), heading);
      const shown = await text(page, '.message');
      check(`${name}: the message is text, line by line`, shown === (message[lang] ?? message), shown);
      const lead = await text(page, '.lead');
      check(`${name}: what will happen`, lead === state[lang], lead);
      const shownTimes = await page.locator('time').allInnerTexts();
      const right = shownTimes.length === times.length
        && shownTimes.every((time, index) => hasTime(time, lang, times[index]));
      check(`${name}: the times in the reader's zone`, right, shownTimes);
      await screenshot(page, name);
      await isGood(page, name);
    });
  }
}

async function theBar(browser, kind, langs, { title, message }, times, state) {
  for (const { name, options, lang } of variants(kind, langs)) {
    await withReader(browser, options, async (page) => {
      await page.goto(SITE);
      check(`${name}: appears`, await soon(() => shows(page)));
      const heading = await barText(page, 'title');
      check(`${name}: the title`, heading === (title[lang] ?? title), heading);
      const shown = await barText(page, 'message');
      check(`${name}: the message is text, line by line`, shown === (message[lang] ?? message), shown);
      const lead = await barText(page, 'alert');
      check(`${name}: what will happen`, lead === state[lang], lead);
      const when = await barText(page, 'when');
      check(`${name}: the times in the reader's zone`, times.every((time) => hasTime(when, lang, time)), when);
      const box = await page.locator(BAR).boundingBox();
      const { width, height } = options.viewport;
      const fits = box.x === 0 && box.width === width && box.y + box.height === height && box.height <= height / 2 + 3;
      check(`${name}: at the bottom, over the whole width`, fits, JSON.stringify(box));
      for (const control of await page.locator(`${BAR} a, ${BAR} button`).all()) {
        const { width: wide, height: high } = await control.boundingBox();
        check(`${name}: large enough to be touched`, Math.round(wide) >= 44 && Math.round(high) >= 44, `${wide} x ${high}`);
      }
      await screenshot(page, name, {});
      await isGood(page, name);
    });
  }
}

async function languages(browser) {
  const [start, end] = [inMinutes(200), inMinutes(410)];
  const texts = { title: TITLES, message: MESSAGES };
  await announce({ ...texts, start, end });
  await thePage(browser, 'page', undefined, texts, [start, end], LEADS);
  await theBar(browser, 'bar', undefined, texts, [start, end], LEADS);
  await announce({ ...ARABIC, start, end });
  await thePage(browser, 'page-arabic', ['en'], ARABIC, [start, end], LEADS);
  await theBar(browser, 'bar-arabic', ['en'], ARABIC, [start, end], LEADS);
  await withReader(browser, {}, async (page) => {
    for (const [address, what] of [[SITE, 'an English page'], [`${SITE}/rtl.html`, 'an Arabic page']]) {
      await page.goto(address);
      await soon(() => shows(page));
      const found = await direction(page, `${BAR} .message`);
      check(`Arabic message on ${what}: from right to left`, found === 'rtl', found);
    }
    check('the bar has the direction of the page', await direction(page, `${BAR} .bar`) === 'rtl');
    await screenshot(page, 'bar-on-arabic-page', {});
    await isGood(page, 'bar on an Arabic page');
    await page.goto(NOTICE);
    check('Arabic message on the notice: from right to left', await direction(page, '.message') === 'rtl');
  });
}

/** The bar of a page, as pixels. */
async function pixels(browser, address, options) {
  let taken;
  await withReader(browser, options, async (page) => {
    const answer = await page.goto(address);
    check(`${address}: the page comes`, answer.status() === 200, answer.status());
    check(`${address}: the bar appears`, await soon(() => shows(page)));
    taken = await page.locator(BAR).screenshot({ animations: 'disabled' });
    check(`${address}: prints nothing`, page.printed.length === 0, page.printed.join('; '));
    check(`${address}: no errors`, page.errors.length === 0, page.errors.join('; '));
  });
  return taken;
}

/** Policies and style sheets of sites, which have no influence. */
async function onOtherPages(browser) {
  for (const colorScheme of ['light', 'dark']) {
    for (const viewport of SIZES) {
      const options = { viewport, colorScheme };
      const expected = await pixels(browser, SITE, options);
      for (const page of ['csp.html', 'nonce.html', 'hostile.html']) {
        const found = await pixels(browser, `${SITE}/${page}`, options);
        check(`${page}, ${viewport.width} ${colorScheme}: the same pixels`, found.equals(expected));
      }
    }
  }
  await withReader(browser, {}, async (page) => {
    await page.goto(`${SITE}/hostile.html`);
    await soon(() => shows(page));
    const colour = await page.locator('h1').evaluate((it) => getComputedStyle(it).color);
    check('hostile style sheets have their way with the page', colour === 'rgb(255, 0, 0)', colour);
    await page.locator(`${BAR} button`).click({ timeout: 5000 });
    check('hostile style sheets: can be dismissed', !await shows(page));
  });
}

async function hostileTexts(browser) {
  const [start, end] = [inMinutes(200), inMinutes(410)];
  const texts = { title: `T ${HOSTILE}`, message: `M ${HOSTILE}` };
  await announce({ ...texts, start, end });
  await theBar(browser, 'bar-hostile', ['en'], texts, [start, end], LEADS);
  await thePage(browser, 'page-hostile', ['en'], texts, [start, end], LEADS);
  const long = `${'verylongword'.repeat(100)}\n${'Several words in a row. '.repeat(400)}`;
  await announce({ title: 'Long', message: long, start, end });
  for (const width of [320, 360]) {
    await withReader(browser, { viewport: { width, height: 640 } }, async (page) => {
      await page.goto(SITE);
      await soon(() => shows(page));
      const box = await page.locator(BAR).boundingBox();
      check(`long message at ${width} px: half of the screen at most`, box.height <= 323, box.height);
      await screenshot(page, `bar-long-${width}`, {});
      await isGood(page, `long message at ${width} px`);
      await page.locator(`${BAR} button`).click();
      check(`long message at ${width} px: can be dismissed`, !await shows(page));
      await page.goto(NOTICE);
      await isGood(page, `page with a long message at ${width} px`);
    });
  }
}

async function readOnly(browser) {
  const end = inMinutes(90);
  const texts = { title: TITLES, message: MESSAGES };
  await announce({ ...texts, end, refuse: 'writes' });
  const state = { en: 'You can read, but changes cannot be saved at the moment.' };
  await theBar(browser, 'bar-read-only', ['en'], texts, [end], state);
  await thePage(browser, 'page-read-only', ['en'], texts, [end], state);
}

/** The last five minutes, in all languages. */
async function urgent(browser) {
  const [start, end] = [new Date(Date.now() + 4 * MINUTE), inMinutes(64)];
  await announce({ title: TITLES, message: MESSAGES, start, end });
  for (const { name, options } of variants('bar-urgent')) {
    await withReader(browser, options, async (page) => {
      await page.goto(SITE);
      check(`${name}: is urgent`, await soon(() => page.locator(`${BAR} .urgent`).isVisible()));
      check(`${name}: asks to save`, await soon(async () => (await barText(page, 'alert'))?.length > 9));
      await screenshot(page, name, {});
      await isGood(page, name);
    });
  }
}

async function closed(browser) {
  const end = inMinutes(64);
  const texts = { title: TITLES, message: MESSAGES };
  await announce({ ...texts, end });
  const state = {
    en: 'The site is closed while we work on it, and will be back as soon as that is done.',
  };
  await thePage(browser, 'page-closed', ['en'], texts, [end], state);
}

async function media(browser) {
  const [start, end] = [inMinutes(200), inMinutes(410)];
  await announce({ title: TITLES, message: MESSAGES, start, end });
  const animation = (page) => page.locator(`${BAR} .bar`).evaluate((it) => getComputedStyle(it).animationName);
  for (const [reducedMotion, expected] of [['no-preference', 'rise'], ['reduce', 'none']]) {
    await withReader(browser, { reducedMotion }, async (page) => {
      await page.goto(SITE);
      await soon(() => shows(page));
      const found = await animation(page);
      check(`reduced motion, ${reducedMotion}: ${expected}`, found === expected, found);
    });
  }
  await withReader(browser, {}, async (page) => {
    await page.goto(SITE);
    await soon(() => shows(page));
    await page.emulateMedia({ media: 'print' });
    check('print: no bar', !await shows(page));
    await page.emulateMedia({ media: 'screen' });
    check('and on the screen again', await shows(page));
    await page.goto(NOTICE);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    check('print: no link', !await page.locator('a').first().isVisible());
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    check('print: no dark ground', ground === 'rgb(247, 244, 238)', ground);
    await screenshot(page, 'page-print');
  });
  await withReader(browser, { forcedColors: 'active' }, async (page) => {
    await page.goto(SITE);
    check('forced colours: the bar appears', await soon(() => shows(page)));
    await screenshot(page, 'bar-forced-colours', {});
    await isGood(page, 'forced colours');
  });
  await withReader(browser, { javaScriptEnabled: false }, async (page) => {
    await page.goto(SITE);
    check('without scripts: the site has no bar', await page.locator(BAR).count() === 0);
    await page.goto(NOTICE);
    const found = [await text(page, 'h1'), await text(page, '.message'), ...await page.locator('time').allInnerTexts()];
    const expected = [TITLES.en, MESSAGES.en, offsetText(start), offsetText(end)];
    check('without scripts: the page says all', found.join() === expected.join(), found);
    const refresh = await page.locator('meta[http-equiv=refresh]').getAttribute('content');
    check('without scripts: loads again once a minute', refresh === '60', refresh);
    await screenshot(page, 'page-without-scripts');
  });
}

async function nothing(browser) {
  await silence();
  for (const { name, options, lang } of variants('page-nothing')) {
    await withReader(browser, options, async (page) => {
      await page.goto(NOTICE);
      check(`${name}: the language`, await page.getAttribute('html', 'lang') === lang);
      check(`${name}: no times`, await page.locator('time').count() === 0);
      await screenshot(page, name);
      await isGood(page, name);
      await page.goto(SITE);
      check(`${name}: no bar`, await page.locator(BAR).count() === 0);
      await isGood(page, `${name}, site`);
    });
  }
}

await withBrowser(async (browser) => {
  await nothing(browser);
  await languages(browser);
  await onOtherPages(browser);
  await hostileTexts(browser);
  await readOnly(browser);
  await urgent(browser);
  await closed(browser);
  await media(browser);
}).finally(silence);
