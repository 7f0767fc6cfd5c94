// What a stranger may write to run something, to look like something else, or to hide something.
// @ts-check

/** Every one of these calls `canary` if it runs, asks for `/canary-…` if it loads, or adds an element marked `data-canary`. */
const RUN = "window.canary=1";

/** @type {readonly string[]} Forty texts; `N` becomes the number of the text, so that what ran can be told. */
const TEXTS = [
  `<script>${RUN}</script>`,
  `"><script>${RUN}</script>`,
  `'><script src=/canary-N.js></script>`,
  `</title></style></textarea></script><script>${RUN}</script>`,
  `<img src=x onerror=${RUN}>`,
  `"><img src=/canary-N.png onerror=alert(N)>`,
  `<svg onload=${RUN}>`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><a xlink:href="javascript:${RUN}"><text x=20 y=20>here</text></a></svg>`,
  `<svg><animate onbegin=${RUN} attributeName=x dur=1s>`,
  `<math><mtext></mtext><mglyph><style><img src=x onerror=${RUN}></style></math>`,
  `<iframe srcdoc="<script>parent.canary=1</script>"></iframe>`,
  `<iframe src="javascript:parent.${RUN}"></iframe>`,
  `<object data="data:text/html,<script>${RUN}</script>"></object>`,
  `<embed src="/canary-N.swf">`,
  `<body onload=${RUN}>`,
  `<details open ontoggle=${RUN}>`,
  `<input autofocus onfocus=${RUN}>`,
  `<video><source onerror=${RUN}></video>`,
  `<marquee onstart=${RUN}>`,
  `<form action=/canary-N><button autofocus>send</button></form>`,
  `<a href="javascript:${RUN}">click</a>`,
  `javascript:${RUN}`,
  `data:text/html;base64,PHNjcmlwdD53aW5kb3cuY2FuYXJ5PTE8L3NjcmlwdD4=`,
  `<link rel=stylesheet href=/canary-N.css>`,
  `<style>*{display:none!important}@import "/canary-N.css"</style>`,
  `style="background:url(/canary-N.png);position:fixed;inset:0"`,
  `<meta http-equiv=refresh content="0;url=/canary-N">`,
  `<base href="http://canary.invalid/">`,
  `\${alert(N)}\`\${${RUN}}\``,
  `{{constructor.constructor('${RUN}')()}}`,
  `<b data-canary=N>bold</b>`,
  `<!--><img src=x onerror=${RUN}>-->`,
  `]]><img src=x onerror=${RUN}>`,
  `&lt;img src=x onerror=${RUN}&gt;&#60;b data-canary=N&#62;`,
  `__proto__ constructor.prototype.polluted ${RUN}`,
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<template><b data-canary=N></b></template><slot onslotchange=${RUN}>`,
  `\\u003cscript\\u003e${RUN}\\u003c/script\\u003e`,
  `%3Cscript%3E${RUN}%3C/script%3E?next=javascript:${RUN}//`,
];

export const SCRIPTS = TEXTS.map((text, index) => text.replaceAll("N", String(index)));

/** Characters that mislead the eye, with what must be seen in their place. */
export const SPOOFS = [
  { name: "bidi override", text: "invoice\u202Efdp.exe", seen: "U+202E" },
  { name: "bidi isolate", text: "a\u2066b\u2069c", seen: "U+2066" },
  { name: "right-to-left mark", text: "pay\u200Fpal", seen: "U+200F" },
  { name: "zero width space", text: "pay\u200Bpal", seen: "U+200B" },
  { name: "zero width joiner", text: "pay\u200Dpal", seen: "U+200D" },
  { name: "byte order mark", text: "pay\uFEFFpal", seen: "U+FEFF" },
  { name: "soft hyphen", text: "pay\u00ADpal", seen: "U+00AD" },
  { name: "no-break space", text: "pay\u00A0pal", seen: "U+00A0" },
  { name: "line separator", text: "pay\u2028pal", seen: "U+2028" },
  { name: "C1 control", text: "pay\u0085pal", seen: "U+0085" },
  { name: "tag character", text: "pay\u{E0041}pal", seen: "U+E0041" },
  { name: "Hangul filler", text: "pay\u3164pal", seen: "U+3164" },
];

/** Addresses that look like others: what finds them in the list, and what must be seen there. */
export const CONFUSABLES = [
  { text: "\u0430nn@here.test", finds: "\u0430nn@", seen: "mixes Cyrillic and Latin" },
  // Domains are kept as A-labels, which look like nothing but themselves.
  { text: "ann@p\u0430ypal.test", finds: "xn--pypal", seen: "ann@xn--pypal-4ve.test" },
  { text: "ann@\u03BFrder.test", finds: "xn--rder", seen: "ann@xn--rder-znd.test" },
];

/** A text as the local part of an address, quoted as RFC 5321 section 4.1.2 wants it. */
export function quotedLocalPart(/** @type {string} */ text) {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
