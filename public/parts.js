// What Everyhop's code asks of JavaScript, in its own page and in others. A build puts it before start.js and everyhop.js.
//
// The code comes in two files. The second has what a first visit does not need, and takes memory, table and functions from the
// first. Its address is set by who loads this.
globalThis.everyhopParts = (() => {
  let first, second, coming;
  const sheets = new WeakMap();
  // What comes with it has rules of its own, in the page; an element has them all.
  const dress = () => {
    if (!parts.later) return;
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = parts.later;
    document.head.append(link);
    parts.later = "";
  };
  const parts = {
    second: "",
    later: "",
    begin(exports) {
      first = exports;
    },
    secondHere: () => !!second,
    secondSoon() {
      dress();
      coming ??= fetch(parts.second)
        .then((response) => (response.ok ? response.arrayBuffer() : Promise.reject(response.status)))
        .then((bytes) => second || WebAssembly.instantiate(bytes, { e: first }).then((it) => it.instance))
        .then((it) => (second = it))
        .catch(() => (coming = undefined))
        .then(() => dispatchEvent(new Event("everyhop-second")));
      return coming;
    },
    secondNow() {
      dress();
      try {
        const request = new XMLHttpRequest();
        request.open("GET", parts.second, false);
        // A page may not ask for bytes while it stands still, only for text: here one letter a byte.
        request.overrideMimeType("text/plain; charset=x-user-defined");
        request.send();
        if (request.status !== 200) throw new Error(`${request.status}`);
        const bytes = Uint8Array.from(request.response, (letter) => letter.charCodeAt(0));
        second = new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: first });
      } catch (problem) {
        parts.lost();
        throw problem;
      }
    },
    // Rules for one document or shadow root; a style attribute would need a page's leave.
    sheet(element, name, text) {
      const root = element.getRootNode();
      const named = sheets.get(root) ?? {};
      sheets.set(root, named);
      if (!named[name]) {
        named[name] = new CSSStyleSheet();
        root.adoptedStyleSheets = [...root.adoptedStyleSheets, named[name]];
      }
      named[name].replaceSync(text);
    },
    // The second file is needed and does not come; the code has stopped; a lab in a page tells of itself. Set by who loads this.
    lost() {},
    stopped() {},
    tell() {},
    bytes() {},
  };
  return parts;
})();
