// Makes the pictures of the documentation, which show several screens side by side.
//
// `SHOTS=FOLDER make test-browser` runs it. pngquant makes the pictures small enough for docs/. See
// browser.mjs and public.mjs for the variables.

import path from 'node:path';
import process from 'node:process';
import { MINUTE, inMinutes, removeFlag, withBrowser, withReader } from './browser.mjs';
import { BAR, FLAG, NOTICE, SITE, announce, shows, soon } from './public.mjs';

const { SHOTS } = process.env;
const NAME = 'www.example.com';
const WIDE = { width: 820, height: 740 };
const NARROW = { width: 360, height: 740 };

const TEXTS = {
  title: {
    en: 'Upgrade of Connections', de: 'Umstellung von Connections', ja: 'Connections の更新',
  },
  message: {
    en: 'We are moving to version 8 tonight.\nYour files and messages are safe.',
    de: 'Wir stellen heute Nacht auf Version 8 um.\nIhre Dateien und Nachrichten sind sicher.',
    ja: '今夜バージョン 8 に移行します。\nファイルとメッセージは安全です。',
  },
};
const READERS = [
  { locale: 'en-GB', timezoneId: 'Europe/London', colorScheme: 'light', viewport: WIDE },
  { locale: 'de-DE', timezoneId: 'Europe/Berlin', colorScheme: 'dark', viewport: NARROW },
  { locale: 'ja-JP', timezoneId: 'Asia/Tokyo', colorScheme: 'light', viewport: NARROW },
];

/** One screen as a PNG. */
async function screen(browser, address, options, isReady) {
  let png;
  await withReader(browser, options, async (page) => {
    await page.route(address, async (route) => {
      const response = await route.fetch();
      const body = (await response.text()).replaceAll('maintenance.test', NAME);
      await route.fulfill({ response, body });
    });
    await page.goto(address);
    if (!await soon(() => isReady(page))) throw new Error(`${address} does not show what it should`);
    await page.waitForTimeout(500);
    png = await page.screenshot({ animations: 'disabled' });
  });
  return png;
}

/** The screens side by side. */
async function picture(browser, name, screens) {
  const images = screens.map((png) => `<img src="data:image/png;base64,${png.toString('base64')}">`);
  await withReader(browser, { viewport: { width: 1640, height: 400 } }, async (page) => {
    await page.setContent(`<!doctype html><style>
      body { margin: 0; padding: 20px 22px; display: flex; gap: 28px; background: #dde0e5; width: max-content }
      img { border-radius: 10px; box-shadow: 0 2px 12px #0003 }
    </style>${images.join('')}`);
    await page.locator('body').screenshot({ path: path.join(SHOTS, `${name}.png`) });
  });
}

/** Each reader's screen. */
async function screens(browser, address, readers, isReady) {
  const all = [];
  for (const options of readers) all.push(await screen(browser, address, options, isReady));
  return all;
}

if (!SHOTS) throw new Error('SHOTS has to be set');
await withBrowser(async (browser) => {
  await announce({ ...TEXTS, start: inMinutes(300), end: inMinutes(510) });
  const heading = (page) => page.locator('h1').isVisible();
  await picture(browser, 'notice', await screens(browser, NOTICE, READERS, heading));
  const [wide, dark] = READERS;
  const bars = await screens(browser, SITE, [wide, dark], shows);
  await announce({ ...TEXTS, start: new Date(Date.now() + 5 * MINUTE), end: inMinutes(215) });
  const urgent = (page) => page.locator(`${BAR} .urgent`).isVisible();
  bars.push(await screen(browser, SITE, { ...wide, viewport: NARROW }, urgent));
  await picture(browser, 'notice-bar', bars);
  await announce({ ...TEXTS, end: inMinutes(76) });
  await picture(browser, 'built-in-page', await screens(browser, SITE, READERS, heading));
}).finally(() => removeFlag(FLAG));
