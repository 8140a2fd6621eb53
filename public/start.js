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

[everyhopParts.second, everyhopParts.later] = document.querySelector("meta[name=everyhop-second]").content.split(" ");

everyhopParts.lost = () => {
  const crash = document.getElementById("crash");
  crash.textContent = "A part of this page did not arrive, so it cannot go on. What you typed is kept. ";
  const again = document.createElement("button");
  again.onclick = () => location.reload();
  again.className = "btn";
  again.textContent = "Reload";
  crash.append(again);
  crash.hidden = false;
  delete document.documentElement.dataset.ready;
};
