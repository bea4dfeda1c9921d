// Charts by ECharts, coloured by the page's own tokens and redrawn when the theme changes.
// Data comes as JSON in `data-chart`; the words for screen readers are the figure's caption.
(() => {
  "use strict";
  const { $$ } = window.onefold;
  const drawn = new Map();

  // Canvas needs plain colours: let the browser resolve light-dark() and names.
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  }
  const axisText = () => ({ color: colour("ink-3"), fontSize: 11, fontFamily: getComputedStyle(document.body).fontFamily });
  const tip = () => ({
    trigger: "axis", renderMode: "richText", backgroundColor: colour("bg-raise"), borderColor: colour("line-strong"),
    textStyle: { color: colour("ink"), fontSize: 12, fontFamily: getComputedStyle(document.body).fontFamily },
    axisPointer: { lineStyle: { color: colour("line-strong") }, shadowStyle: { color: colour("bg-hover") } },
  });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
  const dayText = (value) => (/^\d{4}-\d\d-\d\d$/.test(value) ? day.format(new Date(value + "T00:00:00Z")) : value);

  function options(spec) {
    const ink = axisText();
    const two = spec.series.some((s) => s.axis === 1);
    // Two measures stand below one another on the same days, rather than on two scales at once.
    const grids = two
      ? [{ left: 36, right: 4, top: 12, height: "54%" }, { left: 36, right: 4, top: "72%", bottom: 22 }]
      : [{ left: 36, right: 4, top: 12, bottom: 22 }];
    const xAxis = (index) => ({
      type: "category", gridIndex: index, data: spec.x.map(dayText), axisTick: { show: false },
      axisLabel: { ...ink, hideOverlap: true, show: index === grids.length - 1 },
      axisLine: { lineStyle: { color: colour("line-strong") } }, axisPointer: { label: { show: false } },
    });
    const yAxis = (index) => ({
      type: "value", gridIndex: index, minInterval: 1, axisLabel: { ...ink, hideOverlap: true },
      splitLine: { lineStyle: { color: colour("line") } }, splitNumber: index ? 1 : 3,
    });
    return {
      animation: false,
      aria: { enabled: false },
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      grid: grids,
      tooltip: tip(),
      xAxis: grids.map((_, index) => xAxis(index)),
      yAxis: grids.map((_, index) => yAxis(index)),
      series: spec.series.map((s) => ({
        name: s.name, type: s.kind, data: s.y, stack: s.stack, cursor: "default", barMaxWidth: 14,
        xAxisIndex: two ? s.axis || 0 : 0, yAxisIndex: two ? s.axis || 0 : 0,
        itemStyle: { color: colour(s.colour), borderRadius: s.stack ? 0 : [2, 2, 0, 0] },
        markArea: s.mark && {
          silent: true, itemStyle: { color: colour("amber-soft") },
          data: [[{ xAxis: dayText(s.mark[0]) }, { xAxis: dayText(s.mark[1]) }]],
        },
      })),
    };
  }
  function draw() {
    if (!window.echarts) return;
    for (const [el, chart] of drawn) if (!el.isConnected) { chart.dispose(); drawn.delete(el); }
    for (const el of $$("[data-chart]")) {
      if (!drawn.has(el)) {
        drawn.set(el, window.echarts.init(el, null, { renderer: "canvas" }));
        new ResizeObserver(() => drawn.get(el)?.resize()).observe(el);
      }
      drawn.get(el).setOption(options(JSON.parse(el.dataset.chart)), true);
    }
  }
  document.addEventListener("page:changed", draw);
  document.addEventListener("theme:changed", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
