// The board: cards are dragged, or moved with [ and ]; W and L close a deal. A stage of the category
// won or lost asks why first. The server answers with the whole board, so sums are always its own.
(() => {
  "use strict";
  const { $, $$ } = window.onefold;
  const board = () => $("#board");
  const card = () => document.activeElement?.closest?.(".deal");
  const columns = () => $$(".col", board());
  let dragged = null;

  function values(more) {
    const out = { as: "board", pipeline: board().dataset.pipeline, q: board().dataset.q, ...more };
    for (const [name, value] of Object.entries(JSON.parse(board().dataset.filters || "{}"))) {
      out[`filter.${name}`] = value;
    }
    return out;
  }
  function move(deal, column) {
    if (!deal || !column || deal.closest(".col") === column || !("write" in board().dataset)) return;
    const id = deal.dataset.id;
    const stage = column.dataset.stage;
    if (column.dataset.category !== "open") {
      const query = new URLSearchParams({ stage, ...values({}) });
      htmx.ajax("GET", `/deals/${id}/close?${query}`, {
        target: "#modal", swap: "innerHTML", select: "#main .sheet",
      });
      return;
    }
    htmx.ajax("PATCH", `/deals/${id}`, {
      values: values({ stage_id: stage, version: deal.dataset.version }),
      target: "#board", swap: "outerHTML", select: "#board",
    }).then(() => $(`#card-${id} a.row`)?.focus());
  }

  document.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.(".deal");
    if (dragged) {
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", dragged.dataset.id);
      dragged.classList.add("lifted");
    }
  });
  document.addEventListener("dragend", () => {
    dragged?.classList.remove("lifted");
    for (const column of $$(".col.over")) column.classList.remove("over");
    dragged = null;
  });
  document.addEventListener("dragover", (event) => {
    const column = dragged && event.target.closest?.(".col");
    if (!column) return;
    event.preventDefault();
    for (const other of columns()) other.classList.toggle("over", other === column);
  });
  document.addEventListener("drop", (event) => {
    const column = dragged && event.target.closest?.(".col");
    if (!column) return;
    event.preventDefault();
    move(dragged, column);
  });

  // Before the keys of every page, where [ is the sidebar and L may be something else.
  document.addEventListener("keydown", (event) => {
    const deal = card();
    if (!deal || event.ctrlKey || event.metaKey || event.altKey) return;
    const list = columns();
    const at = list.indexOf(deal.closest(".col"));
    const to = {
      "[": list[at - 1], "]": list[at + 1],
      w: list.find((c) => c.dataset.category === "won"),
      l: list.find((c) => c.dataset.category === "lost"),
    }[event.key];
    const side = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (side) {
      const next = list.slice(side > 0 ? at + 1 : 0, side > 0 ? undefined : at);
      const place = (side > 0 ? next : next.reverse()).find((c) => $(".deal", c));
      if (place) $(".deal a.row", place).focus();
    } else if (to) move(deal, to);
    else if (!("[]wl".includes(event.key))) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  document.addEventListener("htmx:after:swap", () => {
    if ($("#modal form.sent")) $("#modal").close();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches?.("form[data-closes]")) event.target.classList.add("sent");
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-submit]")) event.target.form.requestSubmit();
  });
})();
