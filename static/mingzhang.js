/* Adds comfort to pages that work without it: closing menus, charts, one polite word after a part has changed. */
"use strict";
document.documentElement.classList.add("js");

function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue("--" + name).trim();
}

/* A chart's data is `{label, unit, days: [{day, included, paid, coming}], limit, names}` in the JSON element it names. */
function options(data) {
  const colour = colours();
  const hatch = { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: Math.PI / 4, color: colour("paid") };
  const text = { color: colour("second"), fontSize: 13 };
  const bar = (name, key, style) => ({
    name, type: "bar", stack: "day", barCategoryGap: "18%", itemStyle: style, data: data.days.map((day) => Number(day[key])),
  });
  const series = [
    bar(data.names.included, "included", { color: colour("included") }),
    bar(data.names.paid, "paid", { color: colour("paid") }),
  ];
  if (data.days.some((day) => Number(day.coming))) {
    series.push(bar(data.names.coming, "coming", { color: colour("surface"), decal: hatch }));
  }
  if (data.limit) {
    series[0].markLine = {
      silent: true, symbol: "none", data: [{ yAxis: Number(data.limit) }],
      lineStyle: { color: colour("ink"), type: "dashed" }, label: { show: false },
    };
  }
  const step = Math.max(1, Math.ceil(data.days.length / 5));
  return {
    animation: false,
    aria: { enabled: true, label: { description: data.label } },
    grid: { left: 4, right: 4, top: 12, bottom: 4, outerBoundsMode: "same" },
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    xAxis: {
      type: "category", data: data.days.map((day) => day.day), axisTick: { show: false },
      axisLine: { lineStyle: { color: colour("line") } },
      axisLabel: { ...text, interval: (index) => index % step === 0 },
    },
    yAxis: {
      type: "value", splitNumber: 2, splitLine: { lineStyle: { color: colour("line") } },
      axisLabel: { ...text, formatter: (value) => (value === 0 ? "0 " + data.unit : value.toLocaleString("en")) },
    },
    series,
  };
}

function draw(element) {
  if (!window.echarts || !element.clientWidth) return;
  const data = JSON.parse(document.getElementById(element.dataset.chart).textContent);
  const chart = echarts.getInstanceByDom(element) || echarts.init(element, null, { renderer: "svg" });
  chart.resize();
  chart.setOption(options(data), true);
  element.setAttribute("role", "img");
}

function drawAll(root) {
  root.querySelectorAll("[data-chart]").forEach(draw);
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("details.daily").forEach((table) => { if (window.echarts) table.open = false; });
  drawAll(document);
  window.addEventListener("resize", () => drawAll(document));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
  document.querySelectorAll("select[data-send]").forEach((select) => {
    select.addEventListener("change", () => select.form.requestSubmit());
  });
});
/* An unfolded line has a width only now. */
document.addEventListener("toggle", (event) => { if (event.target.open) drawAll(event.target); }, true);
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; menu.querySelector("summary").focus(); });
});
/* What is copied into a bank's form; without a script there is no button. */
document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) return;
  document.querySelectorAll("button[data-copy]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.done;
    });
  });
});
