// The page in an iframe: the element of everyhop.js, filled from the address, with the same methods over a MessagePort.
import "./everyhop.js";

const METHODS = ["play", "pause", "next", "prev", "seek", "run", "load", "state", "exportPcapng"];
const EVENTS = ["ready", "step", "verdict", "error"];

const [path, query = ""] = location.hash.split("?");
const said = new URLSearchParams(query);
const element = document.createElement("every-hop");
element.setAttribute("lesson", decodeURIComponent(path.replace(/^#\/lesson\//, "")));
for (const [name, value] of said) if (name !== "origin") element.setAttribute(name, value);
document.body.append(element);

// Who may speak to this page: the origin that its address names, else the one that the browser says it stands in.
const allowed = said.get("origin") ?? (document.referrer && new URL(document.referrer).origin);

addEventListener("message", ({ source, origin, data, ports: [port] }) => {
  if (source !== parent || origin !== allowed || data?.everyhop !== "connect" || !port) return;
  for (const name of EVENTS) {
    element.addEventListener(name, ({ detail }) => port.postMessage({ event: name, detail }));
  }
  port.onmessage = async ({ data: { id, method, args = [] } }) => {
    try {
      if (!METHODS.includes(method)) throw new Error(`there is no method ${method}`);
      port.postMessage({ id, result: await element[method](...args) });
    } catch (problem) {
      port.postMessage({ id, error: problem.message });
    }
  };
  new ResizeObserver(() => {
    port.postMessage({ event: "height", detail: { height: document.documentElement.offsetHeight } });
  }).observe(document.body);
  port.postMessage({ event: "connected", detail: { version: element.constructor.version, state: element.state() } });
});
