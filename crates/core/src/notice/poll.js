// s: this script's element, b: the bar, u: the script's address.
var s = d.currentScript, b = d.querySelector('maintenance-notice-bar'), u = s && s.src.split('?')[0];
function p() { setTimeout(l, 6e4); }
// The number of the minute is in the address, so that no browser runs an old copy, and caches are
// asked once for all readers. A hidden page waits until it is looked at. The site may have removed
// the script's element.
function l() {
  if (d.hidden) return d.addEventListener('visibilitychange', l, { once: true });
  var n = d.createElement('script');
  n.src = u + '?' + (Date.now() / 6e4 | 0);
  n.nonce = s.nonce;
  n.onerror = p;
  s.remove();
  d.head.append(n);
  s = n;
}
u && p();
