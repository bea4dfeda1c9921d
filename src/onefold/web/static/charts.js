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
    const yAxis = (right) => ({
      type: "value", minInterval: 1, position: right ? "right" : "left", axisLabel: { ...ink, hideOverlap: true },
      splitLine: right ? { show: false } : { lineStyle: { color: colour("line") } }, splitNumber: 3,
    });
    return {
      animation: false,
      aria: { enabled: false },
      grid: { left: 4, right: 4, top: 12, bottom: 4, containLabel: true },
      tooltip: tip(),
      xAxis: {
        type: "category", data: spec.x.map(dayText), axisTick: { show: false }, axisLabel: { ...ink, hideOverlap: true },
        axisLine: { lineStyle: { color: colour("line-strong") } }, boundaryGap: spec.series.some((s) => s.kind === "bar"),
      },
      yAxis: two ? [yAxis(false), yAxis(true)] : yAxis(false),
      series: spec.series.map((s) => ({
        name: s.name, type: s.kind, data: s.y, yAxisIndex: two ? s.axis || 0 : 0, stack: s.stack,
        itemStyle: { color: colour(s.colour), borderRadius: s.kind === "bar" && !s.stack ? [2, 2, 0, 0] : 0 },
        lineStyle: { width: 1.5, color: colour(s.colour) }, showSymbol: false, symbol: "circle", barMaxWidth: 14,
        cursor: "default",
        markArea: s.mark && {
          silent: true, itemStyle: { color: colour("bg-hover") }, data: [[{ xAxis: dayText(s.mark[0]) }, { xAxis: dayText(s.mark[1]) }]],
        },
        markLine: s.level === undefined ? undefined : {
          silent: true, symbol: "none", lineStyle: { color: colour("ink-3"), type: "dashed" }, data: [{ yAxis: s.level }],
          label: { ...ink, position: "insideEndTop", formatter: s.levelName || "" },
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
