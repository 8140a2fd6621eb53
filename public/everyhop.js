// <every-hop>: a lab in any page.
//
//   <script type="module" src="everyhop.js"></script>
//   <every-hop lesson="pod-to-service" step="7"></every-hop>
//
// Until the lab is there, and wherever it cannot be, the element shows what stands in it: a picture and its transcript.
// docs/embedding.md describes attributes, methods and events.
import init, { everyhopEmbed } from "./page.js";

export const version = "0.0.0";

const parts = globalThis.everyhopParts;
const at = (name) => new URL(name, import.meta.url).href;
parts.second = at("second.wasm");

// One for all elements of a page.
let code;

// What keeps the code from running, and what to do about it.
async function load() {
  if (location.protocol === "file:" || import.meta.url.startsWith("file:")) {
    throw new Error("Browsers run no WebAssembly from file:// addresses. Serve this folder over HTTP, for example with python3 -m http.server.");
  }
  if (typeof WebAssembly !== "object" || !("adoptedStyleSheets" in document)) {
    throw new Error("This browser is too old: it needs WebAssembly and constructable style sheets (2023 or later).");
  }
  try {
    // The smallest module there is.
    new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  } catch {
    throw new Error("This page's content security policy forbids WebAssembly. Add 'wasm-unsafe-eval' to its script-src.");
  }
  const address = at("first.wasm");
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error(`${address} cannot be reached, or the page's content security policy (connect-src) or that server (CORS) forbids it.`);
  }
  if (!response.ok) throw new Error(`${address} is not there (status ${response.status}). Upload all files of Everyhop's folder.`);
  // From the bytes, so that a server that does not know the type application/wasm will do.
  const bytes = await response.arrayBuffer();
  if (new Uint8Array(bytes)[0] !== 0) throw new Error(`${address} is no WebAssembly: the server sent something else.`);
  await init({ module_or_path: bytes });
  await parts.secondSoon();
  if (!parts.secondHere()) throw new Error(`${parts.second} did not arrive. Upload all files of Everyhop's folder.`);
}

const shown = new WeakMap();
const all = new Set();
parts.tell = (root, json) => shown.get(root)?.told(JSON.parse(json));
parts.bytes = (root, bytes) => shown.get(root)?.captured(bytes.slice());
parts.lost = parts.stopped = (words) => {
  for (const element of all) element.failed(`Everyhop stopped because of a mistake in its own code. ${words ?? ""}`);
};

const frame = `
<link rel="stylesheet" href="${at("embed.css")}">
<div class="poster" part="poster">
  <slot></slot>
  <p class="waits" role="status"></p>
  <button class="btn live" type="button">Play it live</button>
</div>
<div class="app" hidden></div>`;

// Attributes that say what is shown and how.
const SAID = ["step", "variant", "hops", "autoplay", "speed", "panels", "readonly"];

const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) target.seen(isIntersecting);
  },
  { rootMargin: "100px" },
);

const wide = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) target.ask?.(`narrow ${contentRect.width < 760}`);
});

// Room for the lab before it is there, so that what stands below does not jump and is not taken for seen.
const room = "adoptedStyleSheets" in document ? new CSSStyleSheet() : undefined;
room?.replaceSync(":host { display: block; min-height: 340px }");

class EveryHop extends HTMLElement {
  static version = version;
  static observedAttributes = ["lesson", "step", "marker", "src"];

  #root;
  #app;
  #begun;
  #ready;
  #state = null;
  #rested = false;
  #capture;

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: "open" });
    this.#root.innerHTML = frame;
    if (room) this.#root.adoptedStyleSheets = [room];
    this.#app = this.#root.querySelector(".app");
    shown.set(this.#app, this);
    this.#root.querySelector(".live").onclick = () => this.#begin();
    this.#ready = new Promise((done) => this.addEventListener("ready", done, { once: true }));
    // Lessons are addresses of Everyhop's own page, not of this one.
    this.#root.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[href^='#/']");
      if (!link) return;
      event.preventDefault();
      open(at("index.html") + link.getAttribute("href"), "_blank", "noopener");
    });
  }

  connectedCallback() {
    all.add(this);
    near.observe(this);
    wide.observe(this);
    const height = this.getAttribute("height");
    if (height && !this.style.minHeight) this.style.minHeight = /^\d+$/.test(height) ? `${height}px` : height;
  }

  disconnectedCallback() {
    all.delete(this);
    near.unobserve(this);
    wide.unobserve(this);
    if (this.#state?.playing) this.pause();
  }

  attributeChangedCallback(name, before, now) {
    if (!this.#state || before === now || now === null) return;
    if (name === "step") this.seek({ step: Number(now) });
    else if (name === "marker") this.seek({ marker: now });
    else this.#mount();
  }

  // What is out of sight rests.
  seen(visible) {
    if (visible && !this.#begun) this.#begin();
    else if (!visible && this.#state?.playing) {
      this.#rested = true;
      this.pause();
    } else if (visible && this.#rested) {
      this.#rested = false;
      this.play();
    }
  }

  async #begin() {
    if (this.#begun) return;
    this.#begun = true;
    const waits = this.#root.querySelector(".waits");
    const slow = setTimeout(() => (waits.textContent = "The network is being built…"), 300);
    try {
      code ??= load();
      await code;
      await this.#mount();
    } catch (problem) {
      this.failed(problem.message);
    } finally {
      clearTimeout(slow);
    }
  }

  async #mount() {
    const said = SAID.filter((name) => this.hasAttribute(name));
    const words = said.map((name) => `${name}=${encodeURI(this.getAttribute(name) || "true")}`);
    const source = this.getAttribute("src");
    const inline = this.querySelector("script[type='application/yaml']");
    let yaml = inline?.textContent;
    if (source) {
      const response = await fetch(new URL(source, document.baseURI)).catch(() => ({ status: "no answer" }));
      if (!response.ok) throw new Error(`The lab ${source} is not there (${response.status}).`);
      yaml = await response.text();
    }
    const lesson = yaml === undefined ? this.getAttribute("lesson") : "own";
    if (!lesson) throw new Error("This element shows no lab: it needs lesson=\"…\", src=\"…\" or a <script type=\"application/yaml\"> in it.");
    const app = document.createElement("div");
    app.className = "app";
    this.#app.replaceWith(app);
    this.#app = app;
    shown.set(app, this);
    everyhopEmbed(app, `#/lesson/${lesson}?${words.join("&")}`, yaml);
    this.ask(`narrow ${this.clientWidth < 760}`);
    this.#root.querySelector(".poster").hidden = true;
    const marker = this.getAttribute("marker");
    if (marker) this.seek({ marker });
    this.#send("ready", { version });
  }

  failed(words) {
    this.#app.hidden = true;
    const poster = this.#root.querySelector(".poster");
    poster.hidden = false;
    this.#root.querySelector(".live").hidden = true;
    this.#root.querySelector(".waits").textContent = words;
    this.#send("error", { message: words });
  }

  #send(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: name !== "error", composed: true }));
  }

  told({ event, ...detail }) {
    if (event === "step") this.#state = detail;
    this.#send(event, detail);
  }

  captured(bytes) {
    this.#capture = bytes;
  }

  ask(words) {
    this.#app.dispatchEvent(new CustomEvent("everyhop-do", { detail: words }));
  }

  async #later(words) {
    this.#begin();
    await this.#ready;
    this.ask(words);
  }

  play() {
    return this.#later("play");
  }

  pause() {
    this.ask("pause");
  }

  next() {
    return this.#later("next");
  }

  prev() {
    return this.#later("prev");
  }

  seek({ step, event, marker }) {
    if (step !== undefined) return this.#later(`step ${step}`);
    if (event !== undefined) return this.#later(`event ${event}`);
    return this.#later(`marker ${marker}`);
  }

  run(command) {
    return this.#later(`run ${command}`);
  }

  load(yaml) {
    return this.#later(`load ${yaml}`);
  }

  state() {
    return this.#state && { ...this.#state };
  }

  async exportPcapng() {
    await this.#later("pcapng");
    return this.#capture;
  }
}

// Of several copies in one page the first serves all.
if (!customElements.get("every-hop")) customElements.define("every-hop", EveryHop);
