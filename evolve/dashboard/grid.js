// A table made of text: what it is given is never read as markup.
const PATH = /^\/[a-z-]*(\?|$)/;  // addresses of this dashboard alone

function sparkline(heights) {
  const [width, height] = [84, 18];
  const step = heights.length > 1 ? width / (heights.length - 1) : 0;
  const points = heights.map((h, i) => `${(i * step).toFixed(1)},${(height - 2 - h * (height - 4)).toFixed(1)}`);
  return Vue.h("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" }, [
    Vue.h("polyline", { points: points.join(" ") }),
  ]);
}

export default {
  props: { label: String, columns: Array, rows: Array, sorted: Object, empty: String },
  emits: ["sort", "act"],
  methods: {
    head(column) {
      const active = column.sorts && this.sorted.by === column.name;
      const order = active ? (this.sorted.reverse ? "descending" : "ascending") : undefined;
      const mark = active ? (this.sorted.reverse ? " ▲" : " ▼") : "";
      const inside = column.sorts
        ? Vue.h("button", { type: "button", onClick: () => this.$emit("sort", column.name) }, column.label + mark)
        : column.label;
      return Vue.h("th", { scope: "col", class: column.align, "aria-sort": order }, [inside]);
    },
    cell(row, column) {
      const cell = row.cells[column.name] ?? { text: "" };
      const parts = [];
      if (cell.spark) parts.push(sparkline(cell.spark));
      if (cell.share !== undefined)
        parts.push(Vue.h("span", { class: "share", "aria-hidden": "true" }, [
          Vue.h("span", { style: { width: `${Math.min(Math.max(cell.share, 0), 1) * 100}%` } }),
        ]));
      const text = cell.badge ? Vue.h("span", { class: ["badge", cell.tone] }, cell.text) : cell.text;
      if (cell.href && PATH.test(cell.href)) parts.push(Vue.h("a", { href: cell.href }, [text]));
      else if (cell.text) parts.push(text);
      for (const { what, label } of cell.buttons ?? [])
        parts.push(Vue.h("button", { type: "button", class: "small", "aria-label": `${label} ${row.key}`,
          onClick: () => this.$emit("act", row.key, what) }, label));
      const classes = [column.align, cell.tone, { wide: column.wide, mono: cell.mono }];
      return Vue.h("td", { class: classes, title: cell.title || undefined }, parts);
    },
  },
  render() {
    if (!this.rows.length) return Vue.h("p", { class: "note" }, this.empty);
    return Vue.h("div", { class: "grid", tabindex: 0, role: "region", "aria-label": this.label }, [
      Vue.h("table", [
        Vue.h("thead", [Vue.h("tr", this.columns.map((column) => this.head(column)))]),
        Vue.h("tbody", this.rows.map((row) =>
          Vue.h("tr", { key: row.key }, this.columns.map((column) => this.cell(row, column))))),
      ]),
    ]);
  },
};
