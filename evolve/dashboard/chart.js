// A chart in the page's colours. The charting script is large: it is loaded after the page can be read.
const PATH = /^\/[a-z-]*(\?|$)/;  // addresses of this dashboard alone

function colours(element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  return { text: colour("--faint"), line: colour("--line"), panel: colour("--panel") };
}

function axis(own, colour) {
  return {
    gridcolor: colour.line, zerolinecolor: colour.line, linecolor: colour.line, automargin: true,
    exponentformat: "power", ...own,
  };
}

// The darkest of the colours is hard to see on a dark page; there its lighter sister stands in.
function seen(figure) {
  if (document.documentElement.dataset.theme !== "dark") return figure;
  return JSON.parse(JSON.stringify(figure).replaceAll("#0072b2", "#4aa3dc").replaceAll("rgba(0,114,178,", "rgba(74,163,220,"));
}

function inColours(given, element) {
  const figure = seen(given);
  const colour = colours(element);
  const layout = figure.layout ?? {};
  const axes = Object.keys(layout).filter((name) => /^[xy]axis/.test(name));
  const themed = Object.fromEntries([...new Set([...axes, "xaxis", "yaxis"])].map((name) => [name, axis(layout[name], colour)]));
  return {
    data: figure.data,
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", uirevision: "kept",
      margin: { l: 8, r: 12, t: 8, b: 8 }, hovermode: "closest", dragmode: "zoom",
      hoverlabel: { bgcolor: colour.panel, bordercolor: colour.line, font: { color: colour.text } },
      ...layout, ...themed,
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: colour.text }, ...layout.legend },
      font: { family: "system-ui, sans-serif", size: 12, color: colour.text, ...layout.font },
    },
  };
}

export default {
  props: { label: String, figure: Object, height: Number },
  data: () => ({ ready: false }),
  async mounted() {
    const { Plotly } = await import("nicegui-plotly");
    if (!this.$el?.isConnected) return;
    this.plotly = Plotly;
    this.draw();
    this.ready = true;
    this.resized = new ResizeObserver(() => Plotly.Plots.resize(this.$refs.plot));
    this.resized.observe(this.$el);
    this.themed = new MutationObserver(() => this.draw());
    this.themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.$refs.plot.on("plotly_click", (event) => {
      const target = event.points[0]?.customdata;
      if (typeof target === "string" && PATH.test(target)) window.location.assign(target);
    });
  },
  beforeUnmount() {
    this.resized?.disconnect();
    this.themed?.disconnect();
    if (this.plotly) this.plotly.purge(this.$refs.plot);
  },
  watch: { figure() { if (this.plotly) this.draw(); } },
  methods: {
    draw() {
      const { data, layout } = inColours(this.figure, this.$el);
      this.plotly.react(this.$refs.plot, data, layout, { displayModeBar: false, responsive: false, doubleClick: "reset" });
    },
  },
  render() {
    return Vue.h("div", { class: "chart", role: "img", "aria-label": this.label, "data-ready": this.ready,
      style: { height: `${this.height}px` } }, [Vue.h("div", { ref: "plot", class: "plot" })]);
  },
};
