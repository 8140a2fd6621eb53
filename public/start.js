// Before the page's own code is there: draws it in the theme chosen on an earlier visit, and says so if that code
// cannot start.
try {
  const theme = localStorage.getItem("everyhop.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing: as the system prefers.
}

function failed() {
  const crash = document.getElementById("crash");
  // Once the page is ready it tells of its own mistakes.
  if (!crash || !crash.hidden || document.documentElement.dataset.ready) return;
  crash.textContent =
    typeof WebAssembly === "object"
      ? "A part of this page did not arrive. Load it again; if that does not help, the site is not complete."
      : "This page runs a network in WebAssembly, which this browser does not have or does not allow.";
  crash.hidden = false;
}

// Capturing, since a file that does not load tells only its own element.
addEventListener("error", failed, true);
addEventListener("unhandledrejection", failed);

// The page's code comes in two files. The second, which the meta element `everyhop-second` names, has what a first visit
// does not need, and takes memory, table and functions from the first.
let first, second, coming;

const secondAddress = () => document.querySelector("meta[name=everyhop-second]").content;

function everyhopFirst(exports) {
  first = exports;
}

function everyhopSecondHere() {
  return !!second;
}

function everyhopSecondSoon() {
  coming ??= fetch(secondAddress())
    .then((response) => (response.ok ? response.arrayBuffer() : Promise.reject(response.status)))
    .then((bytes) => second || WebAssembly.instantiate(bytes, { e: first }))
    .then((it) => (second = it))
    .catch(() => (coming = undefined))
    .then(() => dispatchEvent(new Event("everyhop-second")));
}

function everyhopSecondNow() {
  try {
    const request = new XMLHttpRequest();
    request.open("GET", secondAddress(), false);
    // A page may not ask for bytes while it stands still, only for text: here one letter a byte.
    request.overrideMimeType("text/plain; charset=x-user-defined");
    request.send();
    if (request.status !== 200) throw new Error(`${request.status}`);
    const bytes = Uint8Array.from(request.response, (letter) => letter.charCodeAt(0));
    second = new WebAssembly.Instance(new WebAssembly.Module(bytes), { e: first });
  } catch (problem) {
    const crash = document.getElementById("crash");
    crash.textContent = "A part of this page did not arrive, so it cannot go on. What you typed is kept. ";
    const again = document.createElement("button");
    again.onclick = () => location.reload();
    again.className = "btn";
    again.textContent = "Reload";
    crash.append(again);
    crash.hidden = false;
    delete document.documentElement.dataset.ready;
    throw problem;
  }
}
