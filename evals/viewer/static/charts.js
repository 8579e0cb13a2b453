"use strict";
/* Draws what a page tells in data-chart with uPlot: lines with their intervals, in the colours of the page. */
(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colours = { train: "--control", validation: "--after", after: "--after" };
  const colourOf = (name) => css(colours[name] || `--r${name.split("-")[1] || 1}`);
  const drawn = new WeakMap();

  const formats = {
    share: (value) => `${Math.round(100 * value)}%`,
    reward: (value) => (value > 0 ? "+" : "") + value.toFixed(2),
    items: (value) => value.toLocaleString("en"),
  };

  /** Each series is three of uPlot's: the value, and the ends of its interval, which hold a band. */
  function columns(data) {
    return [data.x, ...data.series.flatMap((one) => [one.y, one.low, one.high])];
  }

  function told(data, one, place) {
    if (place === null || one.y[place] === null) return "–";
    const format = formats[data.unit];
    if (data.unit === "items") return format(one.y[place]);
    const back = one.hollow.includes(place) ? ", rolled back" : "";
    return `${format(one.y[place])} (${format(one.low[place])} to ${format(one.high[place])})${back}`;
  }

  function series(data) {
    const drawnOnce = data.series.flatMap((one) => {
      const colour = colourOf(one.colour);
      const points = {
        size: 7, width: 1.5, fill: colour, show: data.x.length < 80,
      };
      const value = { label: one.name, stroke: colour, width: 2, dash: one.dashed ? [5, 4] : undefined, spanGaps: true,
        points, value: (plot, raw, at, place) => told(data, one, place) };
      const end = { label: "", stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
      return [value, end, { ...end }];
    });
    return [{ label: data.label, value: (plot, raw) => (raw === null || raw === undefined ? "–" : String(raw)) }, ...drawnOnce];
  }

  /** Rounds that were rolled back are hollow. */
  function hollow(data) {
    return (plot) => {
      data.series.forEach((one, number) => one.hollow.forEach((place) => {
        if (one.y[place] === null) return;
        const [x, y] = [plot.valToPos(data.x[place], "x", true), plot.valToPos(one.y[place], "y", true)];
        plot.ctx.save();
        plot.ctx.beginPath();
        plot.ctx.arc(x, y, 2.6 * devicePixelRatio, 0, 7);
        plot.ctx.fillStyle = css("--paper");
        plot.ctx.fill();
        plot.ctx.restore();
      }));
    };
  }

  /** A tint of the colour, for the band between the ends of an interval. */
  const tint = (colour) => `color-mix(in srgb, ${colour} 16%, transparent)`;

  function options(data, width, height) {
    const whole = data.x.every(Number.isInteger);
    const axis = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, font: "12px sans-serif" };
    return {
      width, height, series: series(data), padding: [10, 22, 0, 0],
      bands: data.series.map((one, number) => ({ series: [3 * number + 3, 3 * number + 2], fill: tint(colourOf(one.colour)) })),
      scales: { x: { time: false }, y: { range: (plot, low, high) => (data.unit === "share" ? [0, 1] : uPlot.rangeNum(low, high, 0.1, true)) } },
      axes: [
        { ...axis, label: data.label, labelSize: 18, labelFont: "12px sans-serif", size: 30, incrs: whole ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000] : undefined },
        { ...axis, size: 52, values: (plot, ticks) => ticks.map(formats[data.unit]) },
      ],
      legend: { markers: { width: 0, fill: (plot, at) => (at ? colourOf(data.series[Math.floor((at - 1) / 3)].colour) : "transparent") } },
      cursor: { y: false, points: { size: 8 } }, hooks: { draw: [hollow(data)] },
    };
  }

  function draw(figure) {
    const packed = figure.dataset.chart, width = figure.clientWidth;
    const known = drawn.get(figure);
    if (!width || (known && known.packed === packed && known.width === width && known.plot.root.isConnected)) return;
    if (known) known.plot.destroy();
    const data = JSON.parse(packed);
    figure.replaceChildren();
    const plot = new uPlot(options(data, width, +figure.dataset.height), columns(data), figure);
    // The ends of the intervals are told beside the values.
    plot.root.querySelectorAll(".u-series").forEach((row, place) => { if (place > 0 && (place - 1) % 3) row.remove(); });
    drawn.set(figure, { plot, packed, width });
  }

  function again(figure) {
    const known = drawn.get(figure);
    if (known) known.packed = null;
    draw(figure);
  }

  const all = (act) => document.querySelectorAll("[data-chart]").forEach(act);
  window.drawCharts = () => all(draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all(again));
  window.addEventListener("resize", () => all(draw));
  window.drawCharts();
})();
