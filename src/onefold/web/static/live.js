// Live parts by server-sent events: counts in the sidebar, the event stream of sources, charts.
// The connection is closed while the tab is hidden, so that many tabs do not starve the browser.
(() => {
  "use strict";
  const { $, $$ } = window.onefold;
  const ROWS_MAX = 200;
  let source = null;
  let paused = false;

  function counts(data) {
    for (const [name, n] of Object.entries(data)) {
      for (const el of $$(`[data-live-count="${CSS.escape(name)}"]`)) el.textContent = n ? String(n) : "";
    }
  }
  function cell(tag, text, className) {
    const el = document.createElement(tag);
    if (className) el.className = className;
    el.textContent = text;
    return el;
  }
  function add(list, item) {
    const li = document.createElement("li");
    const time = cell("time", new Date(item.at).toLocaleTimeString(), "meta");
    time.dateTime = item.at;
    time.title = item.at;
    li.append(time, cell("span", item.source, "meta clip"));
    const who = item.href ? cell("a", item.who, "link clip") : cell("span", item.who, "dim clip");
    if (item.href) who.href = item.href;
    const what = document.createElement("span");
    what.className = "clip";
    const name = cell(item.open ? "a" : "b", item.name, item.open ? "link" : "");
    if (item.open) name.href = item.open;
    what.append(name, " ", cell("code", item.detail));
    li.append(who, what);
    list.prepend(li);
    while (list.children.length > ROWS_MAX) list.lastChild.remove();
  }
  function state(name, text) {
    for (const el of $$("[data-live-state]")) { el.dataset.state = name; el.textContent = text; }
  }
  function open() {
    close();
    const list = $("[data-stream]");
    source = new EventSource(list ? list.dataset.stream : "/live");
    source.addEventListener("open", () => state(paused ? "paused" : "live", paused ? "Paused" : "Live"));
    source.addEventListener("error", () => state("lost", "Reconnecting"));
    source.addEventListener("counts", (event) => counts(JSON.parse(event.data)));
    source.addEventListener("facts", (event) => {
      if (paused || !list) return;
      const { items, more } = JSON.parse(event.data);
      $("[data-stream-empty]")?.remove();
      for (const item of items) add(list, item);
      const rest = $("[data-stream-more]");
      if (rest) rest.textContent = more ? `and ${more} more in that moment` : "";
    });
  }
  function close() { source?.close(); source = null; }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-live-pause]");
    if (!button) return;
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Resume" : "Pause";
    state(paused ? "paused" : "live", paused ? "Paused" : "Live");
  });
  if (document.querySelector("[data-live-on]")) {
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    addEventListener("pagehide", close);
    if (!document.hidden) open();
  }
})();
