var data = 'DATA', name = 'maintenance-notice-bar', key = 'maintenance-notice', SOON = 3e5;
// The site's style sheets do not reach into the shadow tree. They do reach the element itself, but
// what is important here comes before what is important there.
var css = ':host{all:initial!important;display:block!important;position:fixed!important;inset:auto 0 0 0!important;' +
  'z-index:2147483647!important;contain:content!important;color-scheme:light dark!important}' +
  ':host([hidden]){display:none!important}' +
  '.bar{box-sizing:border-box;display:flex;flex-wrap:wrap;align-items:center;gap:8px 16px;max-height:50vh;overflow:auto;' +
  'padding:12px max(16px,50% - 480px) max(12px,env(safe-area-inset-bottom));background:#fff6e5;color:#20262d;border-block-start:3px solid #d9822b;' +
  'font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}' +
  '.bar.urgent{background:#8c1d18;color:#fff;border-color:#8c1d18}' +
  '.text{flex:1 1 240px}.text p{margin:0}.title,.when,.left{font-weight:600}.when,.left{display:inline-block}' +
  '.text .when{margin-inline-end:12px}' +
  // What does not fit is on the page of the notice.
  '.title,.message{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden}' +
  '.message{-webkit-line-clamp:4;white-space:pre-line}' +
  '.actions{display:flex;flex-wrap:wrap;gap:8px 16px;margin-inline-start:-12px}' +
  'a,button{font:inherit;color:inherit;min-height:44px;box-sizing:border-box;padding:8px 12px;text-underline-offset:4px}' +
  'a{display:inline-flex;align-items:center}' +
  'button{background:none;border:1px solid currentColor;border-radius:4px;cursor:pointer}' +
  'a:focus-visible,button:focus-visible{outline:3px solid currentColor;outline-offset:2px}' +
  '@media(prefers-color-scheme:dark){.bar{background:#2a2117;color:#ece8e1}}' +
  '@media(prefers-reduced-motion:no-preference){.bar{animation:rise .3s ease-out}@keyframes rise{from{transform:translateY(100%)}}}' +
  '@media print{:host{display:none!important}}';

// What was dismissed, over all tabs. Without storage, it is dismissed until the page is left.
function dismissed() {
  try { return JSON.parse(localStorage.getItem(key)) || []; } catch (e) { return w.maintenanceNotice || []; }
}
function dismiss(what) {
  var all = dismissed().concat(what).slice(-20);
  w.maintenanceNotice = all;
  try { localStorage.setItem(key, JSON.stringify(all)); } catch (e) {}
}
function add(parent, tag, cls, text, lang) {
  var node = d.createElement(tag);
  if (cls) node.className = cls;
  if (text) node.textContent = text;
  if (lang) node.lang = lang;
  return parent.appendChild(node);
}

// The event to show now. One that has closed the site is shown where it was seen before: the page is
// still open, and its reader is about to lose what cannot be saved.
function choose(bar) {
  var now = Date.now(), out = dismissed();
  return data.events.map(function (event) {
    var left = event.start - now, soon = event.state === 'announced' && left <= SOON;
    var rank = event.state === 'closed' ? (bar.seen[event.id] ? 4 : 0) : soon ? 3 : event.state === 'read-only' ? 2 : 1;
    return { event: event, left: left, soon: soon, rank: rank, what: [event.id, event.start, event.state, soon].join() };
  }).filter(function (one) {
    return one.rank && out.indexOf(one.what) < 0;
  }).sort(function (one, other) {
    return other.rank - one.rank || one.left - other.left;
  })[0];
}

function build(bar, one) {
  var event = one.event, root = bar.shadowRoot, box = d.createElement('div'), lang = data.lang;
  box.className = one.soon || event.state === 'closed' ? 'bar urgent' : 'bar';
  box.lang = lang;
  box.dir = w.getComputedStyle(d.documentElement).direction;
  box.setAttribute('role', 'region');
  box.setAttribute('aria-label', data.label);
  var text = add(box, 'div', 'text');
  text.dir = 'auto';
  add(text, 'strong', 'title', event.title, event.title_lang).dir = 'auto';
  if (event.message) add(text, 'p', 'message', event.message, event.message_lang).dir = 'auto';
  var alert = add(text, 'p', 'alert');
  if (!one.soon) alert.textContent = event.lead;
  var when = add(text, 'p', 'when');
  bar.left = add(text, 'p', 'left');
  try {
    // The browser's en-GB is more specific than the text's en.
    var own = (navigator.languages || []).filter(function (tag) { return !tag.indexOf(lang); })[0] || lang;
    var format = new Intl.DateTimeFormat(own, {
      weekday: 'short', day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit', timeZoneName: 'short'
    });
    bar.relative = new Intl.RelativeTimeFormat(own);
    if (event.state === 'announced') {
      when.textContent = event.end > event.start && format.formatRange ?
        format.formatRange(event.start, event.end) : format.format(event.start);
    } else if (event.end) when.textContent = data.ends + ' ' + format.format(event.end);
  } catch (e) {}
  var actions = add(box, 'div', 'actions');
  add(actions, 'a', '', data.details).href = bar.page;
  add(actions, 'button', '', data.dismiss).onclick = function () { dismiss(one.what); bar.update(); };
  root.replaceChildren(box);
  if (!one.soon) return;
  // A screen reader announces a text that comes into an alert. It is to do so once.
  var soon = event.read_only ? data.soon_read_only : data.soon;
  if (bar.alerted[one.what]) { alert.textContent = soon; return; }
  bar.alerted[one.what] = true;
  alert.setAttribute('role', 'alert');
  setTimeout(function () { alert.textContent = soon; }, 100);
}

// The element, for pages with and without a Content-Security-Policy: a constructed style sheet is
// no inline style.
function define() {
  var sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  customElements.define(name, class extends HTMLElement {
    constructor() {
      super();
      this.seen = {};
      this.alerted = {};
      this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [sheet];
    }
    // Each run of the script brings the functions that know its events.
    take(functions) {
      this.functions = functions;
      this.shown = '';
      this.update();
    }
    update() {
      var one = this.functions.choose(this), left = one && one.left;
      clearTimeout(this.timer);
      this.hidden = !one;
      if (one && this.shown !== one.what) {
        this.shown = one.what;
        this.seen[one.event.id] = true;
        this.functions.build(this, one);
      }
      var self = this;
      // Also while nothing is shown: what was dismissed comes back for the last five minutes.
      this.timer = setTimeout(function () { self.update(); }, left > 0 && left <= 61e3 ? 1e3 : 5e3);
      if (!one) { this.shown = ''; return; }
      var counts = one.event.state === 'announced' && left > 0 && left <= 36e5 && this.relative;
      this.left.textContent = !counts ? '' : left < 6e4 ?
        this.relative.format(Math.ceil(left / 1e3), 'second') : this.relative.format(Math.ceil(left / 6e4), 'minute');
    }
  });
}

function show() {
  if (!w.customElements || !('adoptedStyleSheets' in d)) return;
  if (!customElements.get(name)) define();
  var bar = b || d.createElement(name);
  if (u) bar.page = u.replace(/\/bar\.js$/, '');
  // A bar that is only kept up to date is not built again, so that nothing is announced twice.
  if (bar.state !== JSON.stringify(data)) {
    bar.state = JSON.stringify(data);
    bar.take({ choose: choose, build: build });
  } else bar.update();
  if (!b) d.body.prepend(bar);
}
if (d.body) show();
else d.addEventListener('DOMContentLoaded', show);
